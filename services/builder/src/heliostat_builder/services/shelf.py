"""What collecting needs of a runtime: what it keeps, and removing one thing of it."""

from collections.abc import Sequence
from typing import Protocol

from heliostat_core.errors import HeliostatError

from ..domain.retention import ShelfItem


class ItemBusyError(HeliostatError):
    """The runtime itself knows of a use, whatever the database says; the item stays."""

    code = "item_busy"


class Shelf(Protocol):
    """All a runtime made that it can make again."""

    async def list_(self) -> Sequence[ShelfItem]:
        """List what is there.

        Raises
        ------
        UnavailableError
            It cannot be looked at now.
        """

    async def remove(self, item: ShelfItem) -> None:
        """Remove one thing; absent is success.

        Raises
        ------
        ItemBusyError
            Something uses it.
        UnavailableError
            It cannot be removed now.
        """
