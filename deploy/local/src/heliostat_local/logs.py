"""Log files of bounded size, and reading them together."""

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

__all__ = ["LogReader", "bound_logs", "follow", "open_log", "read_all", "read_tail"]

LARGEST = 10 * 2**20  # bytes of one log; one older file of the same size is kept
TAIL = 64 * 2**10  # bytes read to find the last lines
POLL = timedelta(milliseconds=300)


def open_log(path: os.PathLike[str]) -> BinaryIO:
    """Open a log for a child. Children write to the file itself, so a killed supervisor takes no reader away."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(descriptor, "ab")


def bound_logs(directory: Path, *, largest: int = LARGEST) -> None:
    """Move what too large logs hold to `<name>.log.1`.

    The writers keep their open file, so it is copied and emptied; a line written in between is lost.
    """
    for path in directory.glob("*.log"):
        if path.stat().st_size > largest:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)


def read_tail(path: Path, *, lines: int, end: int | None = None) -> list[str]:
    """Return the last lines of a log, or of its first `end` bytes; none when it is missing."""
    try:
        with path.open("rb") as file:
            stop = path.stat().st_size if end is None else end
            start = max(0, stop - TAIL)
            file.seek(start)
            found = file.read(stop - start).decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return found[len(found) - min(lines, len(found)) :]


def read_all(directory: Path, names: Sequence[str], *, lines: int) -> list[tuple[str, str]]:
    """Return (component, line) of the last lines of the named logs, of all when none is named."""
    return [(path.stem, line) for path in _select(directory, names) for line in read_tail(path, lines=lines)]


async def follow(directory: Path, names: Sequence[str], *, lines: int) -> AsyncGenerator[tuple[str, str]]:
    """Yield (component, line) of the named logs (all, when none is named): the last lines, then new ones."""
    readers: dict[Path, LogReader] = {}
    while True:
        for path in _select(directory, names):
            if path not in readers:
                readers[path] = LogReader(path)
                for line in read_tail(path, lines=lines, end=readers[path].offset):
                    yield path.stem, line
            for line in readers[path].read_new():
                yield path.stem, line
        await asyncio.sleep(POLL.total_seconds())


def _select(directory: Path, names: Sequence[str]) -> list[Path]:
    if names:
        return [path for path in (directory / f"{name}.log" for name in names) if path.exists()]
    return sorted(directory.glob("*.log"))


class LogReader:
    """Reads what was added to one log, also after it was emptied."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.offset = path.stat().st_size
        self._partial = b""

    def read_new(self) -> list[str]:
        """Return the complete lines added since the last call."""
        if self._path.stat().st_size < self.offset:
            self.offset = 0
        with self._path.open("rb") as file:
            file.seek(self.offset)
            added = file.read()
        self.offset += len(added)
        *complete, self._partial = (self._partial + added).split(b"\n")
        return [line.decode(errors="replace") for line in complete]
