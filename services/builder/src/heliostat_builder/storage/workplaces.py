"""Directories in which builds work, and handing them to the user the sandbox runs as."""

import asyncio
import os
import re
import stat
from pathlib import Path

from heliostat_runtime import BUILD_IDENTITY
from heliostat_runtime.files import remove_tree, write_atomically

from ..errors import BuildFailedError

_PARTS = ("input", "output", "cache", "home")
_INTERPRETER = re.compile(r"python[0-9.]*")
_MAX_SETTINGS = 64 * 1024
_MAX_OUTPUT = 4 * 2**20
"""Bytes of a lock; one line per package and hash."""


class WorkplaceStorage:
    """The directories ``staging/builds/<build id>/<attempt>/``.

    Parameters
    ----------
    shared
        The staging directory.
    own_uid
        Whether builds run as a user of their own, who has to own what they write to.
    """

    def __init__(self, *, shared: Path, own_uid: bool) -> None:
        self._own_uid = own_uid
        self._shared = shared
        self._root = shared / "builds"

    async def prepare(self) -> None:
        """Make what all builds share."""
        await asyncio.to_thread(self._prepare)

    async def create(self, build_id: str, attempt: int) -> Path:
        """Make an empty workplace; those of earlier attempts are removed."""
        return await asyncio.to_thread(self._create, build_id, attempt)

    async def delete(self, build_id: str) -> None:
        """Remove what a build worked in; absent is success."""
        await asyncio.to_thread(remove_tree, self._root / build_id)

    async def list_(self) -> list[str]:
        """List the builds that have a workplace."""
        return await asyncio.to_thread(lambda: sorted(path.name for path in self._root.iterdir()))

    async def hand_over(self, directory: Path) -> None:
        """Give a directory with all that is in it to the user builds run as."""
        if self._own_uid:
            await asyncio.to_thread(_hand_over, directory)

    async def read_output(self, place: Path, name: str) -> str:
        """Read what a step wrote; code of a repository may have put anything in its place.

        Raises
        ------
        BuildFailedError
            It is not an ordinary file of ordinary size.
        """
        return await asyncio.to_thread(_read_output, place / "output" / name)

    async def read_skeleton(self, staging: Path) -> dict[str, str]:
        """Read what makes a directory a virtual environment of one interpreter.

        Servers are shown the directories these links and lines name, so code of a repository must not change them.
        """
        return await asyncio.to_thread(_read_skeleton, staging)

    async def keep_script(self, staging: Path, name: str, content: bytes) -> None:
        """Write a program into an environment, whatever code of the repository put there under its name."""
        await asyncio.to_thread(_keep_script, staging / name, content)

    async def measure(self, directory: Path) -> int:
        """Measure the bytes a directory takes on the disk."""
        return await asyncio.to_thread(_measure, directory)

    def _prepare(self) -> None:
        for name in ("builds", "wheels"):
            (self._shared / name).mkdir(parents=True, exist_ok=True)
        if self._own_uid:
            _hand_over_one(self._shared / "wheels")

    def _create(self, build_id: str, attempt: int) -> Path:
        remove_tree(self._root / build_id)
        place = self._root / build_id / str(attempt)
        for name in _PARTS:
            (place / name).mkdir(parents=True)
            if self._own_uid and name != "input":
                _hand_over_one(place / name)
        return place


def _read_output(path: Path) -> str:
    status = path.lstat() if path.parent.is_dir() and os.path.lexists(path) else None
    if status is None or not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_OUTPUT:
        raise BuildFailedError(
            code="solve_failed", message="The solver's output is missing or too large", remedy="Look at the log."
        )
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read().decode("utf-8", errors="replace")


def _read_skeleton(staging: Path) -> dict[str, str]:
    found = {}
    for path in (
        staging,
        staging / "bin",
        staging / "lib",
        *staging.glob("lib/python*"),
        *staging.glob("lib/*/site-packages"),
    ):
        is_directory = os.path.lexists(path) and stat.S_ISDIR(path.lstat().st_mode)
        found[str(path.relative_to(staging))] = f"directory {is_directory}"
    programs = [path for path in staging.glob("bin/python*") if _INTERPRETER.fullmatch(path.name)]
    for path in (staging / "pyvenv.cfg", *programs):
        found[str(path.relative_to(staging))] = _describe(path)
    return found


def _describe(path: Path) -> str:
    """Say what a path is and holds, without waiting at a pipe or reading what is too large to be ours."""
    status = path.lstat() if os.path.lexists(path) else None
    if status is None:
        return "nothing"
    if stat.S_ISLNK(status.st_mode):
        return f"link {path.readlink()}"
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_SETTINGS:
        return f"{stat.filemode(status.st_mode)} {status.st_size}"
    return path.read_text(errors="replace")


def _keep_script(path: Path, content: bytes) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    write_atomically(path, content)
    path.chmod(0o755)


def _hand_over(directory: Path) -> None:
    for root, _, files in os.walk(directory):
        _hand_over_one(Path(root))
        for name in files:
            _hand_over_one(Path(root, name))
        # Links to directories are listed among the directories and not walked into.
    for root, names, _ in os.walk(directory):
        for name in names:
            if (path := Path(root, name)).is_symlink():
                _hand_over_one(path)


def _hand_over_one(path: Path) -> None:
    os.chown(path, BUILD_IDENTITY.uid, BUILD_IDENTITY.gid, follow_symlinks=False)


def _measure(directory: Path) -> int:
    blocks = {}
    for root, _, files in os.walk(directory):
        for name in files:
            status = Path(root, name).lstat()
            blocks[status.st_ino] = status.st_blocks * 512
    return sum(blocks.values())
