"""A commit's files as one layer of an image: the same files give the same bytes, on whatever host.

Everything here that reads or writes files blocks; :func:`write_layer` does it in a thread.
"""

import asyncio
import hashlib
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath, PurePosixPath
from typing import IO

from .errors import LayerError

__all__ = ["HOME", "OWNER", "Layer", "write_layer"]

HOME = PurePosixPath("home/jovyan")
OWNER = 1000
MODIFIED = datetime(2000, 1, 1, tzinfo=UTC)
"""When all files were changed; archives that users make of them (zip) cannot hold anything before 1980."""

_HOOKS = PurePosixPath(".git/hooks")
_WHITEOUT = ".wh."


@dataclass(frozen=True, slots=True)
class Layer:
    """An uncompressed tar archive in a file, its `sha256:` digest, and its size in bytes."""

    path: Path
    digest: str
    size: int


async def write_layer(tree: Path, target: Path) -> Layer:
    """Write the files of a directory, to lie in the home of an image's user, into a new file.

    Left out: hooks of the repository, and what is neither file nor directory nor link. Links are kept and never
    followed; nobody but the owner gets more rights by a file's mode than others have anyway.

    Raises
    ------
    LayerError
        A file cannot be read, is named as a layer names what it hides, or they all together take more than half of
        the free space at the target.
    """
    return await asyncio.to_thread(_write, tree, target)


def _write(tree: Path, target: Path) -> Layer:
    try:
        _check_space(tree, target.parent)
        with target.open("xb") as file:
            hashing = _HashingFile(file)
            # GNU's format holds any length and any bytes of a name without a second form for odd ones.
            with tarfile.open(fileobj=hashing, mode="w", format=tarfile.GNU_FORMAT) as tar:  # type: ignore[call-overload]
                _add_tree(tar, tree)
    except OSError as e:
        target.unlink(missing_ok=True)
        raise LayerError(reason=f"{e.strerror or e}: {_show(e.filename or tree)}") from e
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Layer(path=target, digest=f"sha256:{hashing.digest.hexdigest()}", size=hashing.size)


def _check_space(tree: Path, target: Path) -> None:
    # In a sparse file a program writes terabytes of nothing in no time; an archive of it would fill the disk.
    size = sum(path.lstat().st_size for path, _ in _walk(tree))
    space = shutil.disk_usage(target).free // 2
    if size > space:
        raise LayerError(reason=f"they take {size} bytes, and {space} may be used now")


def _add_tree(tar: tarfile.TarFile, tree: Path) -> None:
    for parent in (*reversed(HOME.parents[:-1]), HOME):
        directory = _build_member(parent, tarfile.DIRTYPE, 0o755)
        if parent != HOME:
            directory.uid = directory.gid = 0
        tar.addfile(directory)
    for path, name in _walk(tree):
        _add(tar, path, name)


def _add(tar: tarfile.TarFile, path: Path, name: PurePosixPath) -> None:
    status = path.lstat()
    inside = HOME / name
    if stat.S_ISDIR(status.st_mode):
        tar.addfile(_build_member(inside, tarfile.DIRTYPE, status.st_mode | stat.S_IRWXU))
    elif stat.S_ISLNK(status.st_mode):
        link = _build_member(inside, tarfile.SYMTYPE, 0o777)
        link.linkname = os.readlink(path)  # noqa: PTH115 -- Path's own would tidy the text up
        tar.addfile(link)
    elif stat.S_ISREG(status.st_mode):
        member = _build_member(inside, tarfile.REGTYPE, status.st_mode | stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            member.size = os.fstat(file.fileno()).st_size
            tar.addfile(member, file)


def _build_member(name: PurePosixPath, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(str(name))
    member.type = kind
    member.mode = mode & 0o777
    member.uid = member.gid = OWNER
    member.mtime = int(MODIFIED.timestamp())
    return member


def _walk(tree: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    """List what is below a directory, parents first, without recursion: depth is the repository's to choose."""
    pending = [PurePosixPath()]
    while pending:
        directory = pending.pop()
        with os.scandir(tree / directory) as entries:
            found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        for entry in found:
            name = directory / entry.name
            if name == _HOOKS:
                continue
            if entry.name.startswith(_WHITEOUT):
                raise LayerError(
                    reason=f"an image cannot hold a file named {_show(name)}",
                    remedy=f"Give files names that do not begin with {_WHITEOUT}.",
                )
            yield tree / name, name
            if entry.is_dir(follow_symlinks=False):
                pending.append(name)


def _show(path: str | PurePath) -> str:
    return os.fsencode(path).decode(errors="replace")


class _HashingFile:
    """What tarfile writes to: counts and hashes on the way to the disk."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self.size
