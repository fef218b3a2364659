"""Content archives: the files of a commit, ready to be unpacked into a home."""

import asyncio
import os
import shutil
import tarfile
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

from .errors import ArchiveError
from .files import PRIVATE_FILE, Kept, sync_directory

__all__ = ["ContentStore"]

STALE = timedelta(hours=1)  # no archive takes that long to write


class ContentStore:
    """Uncompressed tar archives `contents/<id>.tar`; unpacking is the entry program's, see `entry.py`."""

    def __init__(self, state: Path) -> None:
        self._root = state / "contents"

    def path(self, content_id: str) -> Path:
        """Return where an archive is, or would be."""
        return self._root / f"{content_id}.tar"

    async def exists(self, content_id: str) -> bool:
        """Whether the archive is there."""
        return await asyncio.to_thread(self.path(content_id).is_file)

    async def ensure(self, content_id: str, checkout: Path) -> Path:
        """Archive a checkout with its `.git`, but no hooks, unless that was done before.

        Raises
        ------
        ArchiveError
            A file of the checkout cannot be read, or all together take more than half of the free space.
        """
        if not await self.exists(content_id):
            await asyncio.to_thread(self._create, content_id, checkout)
        return self.path(content_id)

    async def delete(self, content_id: str) -> None:
        """Delete an archive; absent is success."""
        await asyncio.to_thread(self.path(content_id).unlink, missing_ok=True)

    async def measure(self) -> tuple[Kept, ...]:
        """List all archives with their sizes and when they were written."""
        return await asyncio.to_thread(self._measure)

    async def reconcile(self) -> None:
        """Remove what interrupted archiving left."""
        await asyncio.to_thread(self._remove_stale)

    def _measure(self) -> tuple[Kept, ...]:
        found = []
        for path in self._root.glob("*.tar"):
            with suppress(FileNotFoundError):  # deleted meanwhile
                status = path.stat()
                written = datetime.fromtimestamp(status.st_mtime, UTC)
                found.append(Kept(id=path.stem, size=status.st_size, created_at=written))
        return tuple(found)

    def _remove_stale(self) -> None:
        oldest = time.time() - STALE.total_seconds()
        for staged in self._root.glob(".*"):
            if staged.stat().st_mtime < oldest:
                staged.unlink(missing_ok=True)

    def _create(self, content_id: str, checkout: Path) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        self._check_space(checkout)
        staged = self._root / f".{content_id}.{token_hex(8)}"
        try:
            with os.fdopen(os.open(staged, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as file:
                with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                    tar.add(checkout, arcname="", filter=_clean)
                file.flush()
                os.fsync(file.fileno())
            staged.rename(self.path(content_id))
        except OSError as e:
            raise ArchiveError(reason=f"{e.strerror}: {e.filename}") from e
        finally:
            staged.unlink(missing_ok=True)
        sync_directory(self._root)

    def _check_space(self, checkout: Path) -> None:
        # In a sparse file a program writes terabytes of nothing in no time; an archive of it would fill the disk.
        names = (Path(root, name) for root, _, files in os.walk(checkout) for name in files)
        size, space = sum(name.lstat().st_size for name in names), shutil.disk_usage(self._root).free // 2
        if size > space:
            raise ArchiveError(reason=f"they take {size} bytes, and {space} may be used now")


def _clean(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out git hooks, sockets and devices, and everything that differs between two checkouts."""
    kept = member.isreg() or member.isdir() or member.issym() or member.islnk()
    if member.name == ".git/hooks" or member.name.startswith(".git/hooks/") or not kept:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    return member
