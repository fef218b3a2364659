"""How full a volume is."""

from typing import NamedTuple

__all__ = ["Space"]


class Space(NamedTuple):
    """Bytes used and bytes there are."""

    used: int
    limit: int
