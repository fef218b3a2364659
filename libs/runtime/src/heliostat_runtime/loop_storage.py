"""A volume's storage as an ext4 image mounted through a loop device: the size is enforced by the file system."""

import asyncio
import os
from pathlib import Path
from typing import NamedTuple

from .commands import find_program, run_command
from .errors import HostCommandError
from .files import PRIVATE_DIRECTORY, PRIVATE_FILE, sync_directory

__all__ = ["LoopStorage"]

MEBIBYTE = 2**20
SMALL = 512 * MEBIBYTE  # below, a journal of the least size leaves most of the image to the user
DELAYED_RESERVE = 16 * MEBIBYTE  # ext4 keeps 2 %, at most 4096 blocks, for delayed allocation: df shows them as used
BYTES_PER_INODE = 8192  # many small files (conda-like trees) fit; 3 % of the image, which comes on top of the limit


class Space(NamedTuple):
    """Bytes used and bytes there are."""

    used: int
    limit: int


class LoopStorage:
    """The image `image.ext4`, mounted at `mount`, with the home in `mount/home` (so that lost+found stays outside).

    The image is larger than the limit by what ext4 itself needs: the user can write the limit, within 1 %, not more.
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
        if await asyncio.to_thread(self.is_created):
            return
        staged = self._image.with_suffix(".new")
        await self._format(staged, self._size)
        await self._format(staged, self._size + await self._overhead(staged))
        await asyncio.to_thread(self._publish, staged)

    async def attach(self) -> Path:
        """Mount the image; already mounted is success."""
        if not await asyncio.to_thread(self.is_attached):
            # mount(8) takes the loop device that already has the image, if there is one: never two for one image.
            arguments = ["mount", "-o", "loop,nosuid,nodev,noatime,discard", str(self._image), str(self._mount)]
            await run_command([find_program("mount") or "mount", *arguments[1:]])
        await asyncio.to_thread(self._make_home)
        return self.home

    async def detach(self) -> None:
        """Unmount; not mounted is success."""
        if await asyncio.to_thread(self.is_attached):
            await run_command([find_program("umount") or "umount", str(self._mount)])

    def is_created(self) -> bool:
        """Whether the image is there (blocking)."""
        return self._image.exists()

    def is_attached(self) -> bool:
        """Whether the image is mounted (blocking)."""
        return os.path.ismount(self._mount)

    def measure(self) -> Space:
        """Return what is used of the limit; of an unmounted image what it takes on disk (blocking)."""
        if self.is_attached():
            status = os.statvfs(self._mount)
            return Space((status.f_blocks - status.f_bfree) * status.f_frsize, self._size)
        try:
            return Space(self._image.stat().st_blocks * 512, self._size)
        except FileNotFoundError:
            return Space(0, self._size)

    async def _format(self, image: Path, size: int) -> None:
        await asyncio.to_thread(_truncate, image, size)
        journal = 4 if size < SMALL else 16
        features = "^resize_inode"  # no room set aside for growing on line
        arguments = ["-q", "-F", "-m", "0", "-b", "4096", "-i", str(BYTES_PER_INODE), "-O", features]
        arguments += ["-J", f"size={journal}", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", str(image)]
        await run_command([find_program("mkfs.ext4") or "mkfs.ext4", *arguments])

    async def _overhead(self, image: Path) -> int:
        printed = await run_command([find_program("dumpe2fs") or "dumpe2fs", "-h", str(image)])
        facts = {name: value.strip() for name, _, value in (line.partition(":") for line in printed.splitlines())}
        try:
            overhead = int(facts["Overhead clusters"]) * int(facts["Block size"])
        except (KeyError, ValueError) as e:
            raise HostCommandError(program="dumpe2fs", status=0, output=printed) from e
        return overhead + min(self._size // 50, DELAYED_RESERVE)

    def _publish(self, staged: Path) -> None:
        self._mount.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
        staged.rename(self._image)
        sync_directory(self._image.parent)

    def _make_home(self) -> None:
        if not self.home.exists():
            self.home.mkdir(mode=PRIVATE_DIRECTORY)
            os.chown(self.home, self._uid, self._uid)


def _truncate(image: Path, size: int) -> None:
    descriptor = os.open(image, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    try:
        os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)
