"""A volume's storage as an ext4 image mounted through a loop device: the size is enforced by the file system."""

import asyncio
import os
from pathlib import Path

from .commands import find_program, run_command
from .ext4_image import create_image
from .files import PRIVATE_DIRECTORY
from .space import Space

__all__ = ["LoopStorage"]


class LoopStorage:
    """The image `image.ext4`, mounted at `mount`, with the home in `mount/home` (so that lost+found stays outside).

    The user can write the limit, within 1 %, not more.
    """

    def __init__(self, directory: Path, *, size: int, uid: int) -> None:
        self._image = directory / "image.ext4"
        self._mount = directory / "mount"
        self._size = size
        self._uid = uid

    @property
    def home(self) -> Path:
        """The directory a server sees as its home, while attached."""
        return self._mount / "home"

    async def create(self) -> None:
        """Make the image if it is not there; a half-made one is made again."""
        if await self.is_created():
            return
        await asyncio.to_thread(self._mount.mkdir, mode=PRIVATE_DIRECTORY, exist_ok=True)
        await create_image(self._image, size=self._size)

    async def attach(self) -> Path:
        """Mount the image; already mounted is success."""
        if not await self.is_attached():
            # mount(8) takes the loop device that already has the image, if there is one: never two for one image.
            arguments = ["mount", "-o", "loop,nosuid,nodev,noatime,discard", str(self._image), str(self._mount)]
            await run_command([find_program("mount") or "mount", *arguments[1:]])
        await asyncio.to_thread(self._make_home)
        return self.home

    async def detach(self) -> None:
        """Unmount; not mounted is success."""
        if await self.is_attached():
            await run_command([find_program("umount") or "umount", str(self._mount)])

    async def remove(self) -> None:
        """Do nothing: all of it is in the volume's directory."""

    async def is_created(self) -> bool:
        """Whether the image is there."""
        return await asyncio.to_thread(self._image.exists)

    async def is_attached(self) -> bool:
        """Whether the image is mounted."""
        return await asyncio.to_thread(os.path.ismount, self._mount)

    async def measure(self) -> Space:
        """Return what is used of the limit; of an unmounted image what it takes on disk."""
        return await asyncio.to_thread(self._measure)

    def _measure(self) -> Space:
        if os.path.ismount(self._mount):
            status = os.statvfs(self._mount)
            return Space((status.f_blocks - status.f_bfree) * status.f_frsize, self._size)
        try:
            return Space(self._image.stat().st_blocks * 512, self._size)
        except FileNotFoundError:
            return Space(0, self._size)

    def _make_home(self) -> None:
        if not self.home.exists():
            self.home.mkdir(mode=PRIVATE_DIRECTORY)
            os.chown(self.home, self._uid, self._uid)
