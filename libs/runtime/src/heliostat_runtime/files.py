"""Durable writes, locks and removal on the local file system. Everything here blocks: call it in a thread."""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

__all__ = [
    "Kept",
    "lock_file",
    "read_json",
    "remove_tree",
    "sync_directory",
    "try_lock",
    "write_atomically",
    "write_json",
]

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700


@dataclass(frozen=True, slots=True)
class Kept:
    """Something in a store: its size in bytes, and since when it is there."""

    id: str
    size: int
    created_at: datetime


def sync_directory(path: Path) -> None:
    """Make renames inside a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file so that a reader, or a crash, sees the old or the new content and nothing between."""
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.rename(path)
    finally:
        staged.unlink(missing_ok=True)
    sync_directory(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document atomically."""
    write_atomically(path, json.dumps(value, indent=2, sort_keys=True).encode() + b"\n")


def read_json(path: Path) -> Any | None:
    """Read a JSON document, or None when the file is not there."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes; waits for short critical sections only."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """Lock an existing file exclusively at once and return the descriptor, or None when somebody holds it.

    The lock belongs to the open file: it lasts until every process that inherited the descriptor is gone.

    Raises
    ------
    FileNotFoundError
        The file is not there, or was replaced or moved away before the lock was ours.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between open and lock the holder may have moved the file to the trash: then the lock protects nothing.
        current = path.stat()
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    if os.path.samestat(os.fstat(descriptor), current):
        return descriptor
    os.close(descriptor)
    raise FileNotFoundError(path)


def remove_tree(path: Path) -> None:
    """Remove a directory tree, also when its owner made directories read-only.

    Absent is success, and so is what another process, at the same work, removes meanwhile.
    """
    for root, directories, _ in os.walk(path):
        for name in directories:
            directory = Path(root, name)
            if not directory.is_symlink():
                with suppress(FileNotFoundError):
                    directory.chmod(PRIVATE_DIRECTORY)
    shutil.rmtree(path, onerror=_pass_over_missing)


def _pass_over_missing(_function: object, _path: str, failure: tuple[Any, BaseException, Any]) -> None:
    if not isinstance(failure[1], FileNotFoundError):
        raise failure[1]
