"""Volumes as they are recorded."""

from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, NewType, Protocol

from .capabilities import StorageBackend
from .directory_storage import DirectoryStorage
from .limits import Frozen
from .loop_storage import LoopStorage
from .space import Space

__all__ = ["Measurement", "Owner", "Storage", "Volume", "VolumeId", "VolumeLease", "open_storage", "server_logs"]

VolumeId = NewType("VolumeId", str)


class Storage(Protocol):
    """Where the files of one volume are. Its caller has leased the volume, except to look or to measure."""

    async def create(self) -> None:
        """Make it, unless it is there."""

    async def attach(self) -> Path:
        """Make it usable and return the home as a server sees it; usable already is success."""

    async def detach(self) -> None:
        """Undo `attach`; not attached is success. Raises VolumeBusyError while a server uses it."""

    async def remove(self) -> None:
        """Remove what is not in the volume's directory; absent is success."""

    async def is_created(self) -> bool:
        """Whether it is there."""

    async def is_attached(self) -> bool:
        """Whether it is usable, and so needs `detach`."""

    async def measure(self) -> Space:
        """Measure it; it may be in use."""


class Owner(Frozen):
    """The server a volume belongs to; the default server's name is empty."""

    user: str
    server_name: str


class Volume(Frozen):
    """One server's storage. Its id is random, so that a name used again never finds old data.

    Attributes
    ----------
    size
        The limit, in bytes.
    uid
        Owner of the files on the host.
    populated
        Whether the repository's files have been put there.
    grant
        What was granted to the server, as its first accepted start recorded it.
    """

    volume_id: VolumeId
    owner: Owner
    size: int
    uid: int
    backend: StorageBackend
    created_at: datetime
    populated: bool = False
    grant: dict[str, Any] | None = None


class Measurement(Frozen):
    """Bytes used of the bytes allowed, and how it was measured."""

    used: int
    limit: int
    method: str


class VolumeLease(NamedTuple):
    """The exclusive right to a volume; whoever inherits `descriptor` keeps it after this process is gone."""

    volume: Volume
    descriptor: int


def server_logs(state: Path, volume_id: str) -> tuple[Path, Path]:
    """Return where the output of a volume's server is, of this run and of the one before."""
    directory = state / "logs" / "servers"
    return directory / f"{volume_id}.log", directory / f"{volume_id}.log.1"


def open_storage(volume: Volume, directory: Path) -> Storage:
    """Return the storage of a volume of the process runtime that lies in a directory."""
    kind = LoopStorage if volume.backend == "loop-ext4" else DirectoryStorage
    return kind(directory, size=volume.size, uid=volume.uid)
