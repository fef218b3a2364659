"""A volume's storage as a plain directory: measured, not limited."""

import asyncio
import os
from pathlib import Path

from .files import PRIVATE_DIRECTORY
from .space import Space

__all__ = ["DirectoryStorage", "measure_tree"]


class DirectoryStorage:
    """The directory `home`, owned by the volume's uid."""

    def __init__(self, directory: Path, *, size: int, uid: int) -> None:
        self.home = directory / "home"
        self._size = size
        self._uid = uid

    async def create(self) -> None:
        """Make the directory if it is not there."""
        await asyncio.to_thread(self._make_home)

    async def attach(self) -> Path:
        """Return the home; there is nothing to mount."""
        await self.create()
        return self.home

    async def detach(self) -> None:
        """Do nothing: there is nothing to unmount."""

    async def remove(self) -> None:
        """Do nothing: all of it is in the volume's directory."""

    async def is_created(self) -> bool:
        """Whether the directory is there."""
        return await asyncio.to_thread(self.home.exists)

    async def is_attached(self) -> bool:
        """Nothing is ever mounted."""
        return False

    async def measure(self) -> Space:
        """Walk the tree and add up what it takes on disk."""
        return Space(await asyncio.to_thread(measure_tree, self.home), self._size)

    def _make_home(self) -> None:
        self.home.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
        if os.getuid() == 0:
            os.chown(self.home, self._uid, self._uid)


def measure_tree(path: Path) -> int:
    """Return the bytes a tree takes on disk; a file with several names counts once (blocking)."""
    seen: set[tuple[int, int]] = set()
    total = 0
    pending = [path]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if (key := (status.st_dev, status.st_ino)) in seen:
                        continue
                    seen.add(key)
                    total += status.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(Path(entry.path))
        except (FileNotFoundError, PermissionError):
            continue  # the server changes its files while we look
    return total
