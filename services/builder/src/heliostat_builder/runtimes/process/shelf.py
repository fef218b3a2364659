"""Environments and archives of files in the state directory."""

from collections.abc import Sequence

from heliostat_core.contracts.retention import ShelfKind
from heliostat_runtime import ContentStore, EnvironmentStore
from typing_extensions import override

from ...domain.retention import ShelfItem
from ...services.shelf import Shelf


class ProcessShelf(Shelf):
    """What the process runtime keeps."""

    def __init__(self, *, environments: EnvironmentStore, contents: ContentStore) -> None:
        self._environments = environments
        self._contents = contents

    @override
    async def list_(self) -> Sequence[ShelfItem]:
        environments = [
            ShelfItem(ShelfKind.ENVIRONMENT, id=each.id, name=each.id, size=each.size, created_at=each.created_at)
            for each in await self._environments.measure()
        ]
        contents = [
            ShelfItem(ShelfKind.CONTENT, id=each.id, name=each.id, size=each.size, created_at=each.created_at)
            for each in await self._contents.measure()
        ]
        return [*contents, *environments]

    @override
    async def remove(self, item: ShelfItem) -> None:
        if item.kind is ShelfKind.ENVIRONMENT:
            await self._environments.retire(item.id)
        else:
            await self._contents.delete(item.id)
