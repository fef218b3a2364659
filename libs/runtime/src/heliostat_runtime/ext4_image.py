"""Files that hold an ext4 file system of a size that is a limit. Making them needs no rights."""

import asyncio
import os
from pathlib import Path

from .commands import find_program, run_command
from .errors import HostCommandError
from .files import PRIVATE_FILE, sync_directory

__all__ = ["create_image"]

MEBIBYTE = 2**20
BLOCK = 4096  # bytes
SMALL = 512 * MEBIBYTE  # below, a journal of the least size leaves most of the image to the user
DELAYED_RESERVE = 16 * MEBIBYTE  # ext4 keeps 2 %, at most 4096 blocks, for delayed allocation: df shows them as used
BYTES_PER_INODE = 8192  # many small files (conda-like trees) fit; 3 % of the image, which comes on top of the limit

_overheads: dict[int, int] = {}
"""What ext4 takes of an image for so many bytes, which is the same each time; a host knows a few sizes."""


async def create_image(image: Path, *, size: int, owner: int | None = None) -> None:
    """Make the image in one step; a half-made one is made again.

    It is larger than `size` by what ext4 itself needs: the user can write `size` bytes, within 1 %, not more.

    Parameters
    ----------
    owner
        User and group of the root directory, which is made empty, without `lost+found`; None: root's, with it.

    Raises
    ------
    HostCommandError
        mkfs.ext4, dumpe2fs or debugfs failed or are not here.
    """
    staged = image.with_suffix(".new")
    if size not in _overheads:
        await _format(staged, size=size, limit=size, owner=owner)
        _overheads[size] = await _read_overhead(staged, limit=size)
    whole = size + _overheads[size]
    await _format(staged, size=whole + -whole % BLOCK, limit=size, owner=owner)
    if owner is not None:
        await run_command([find_program("debugfs") or "debugfs", "-w", "-R", "rmdir lost+found", str(staged)])
    await asyncio.to_thread(_publish, staged, image)


async def _format(image: Path, *, size: int, limit: int, owner: int | None) -> None:
    await asyncio.to_thread(_truncate, image, size)
    journal = 4 if limit < SMALL else 16
    features = "^resize_inode"  # no room set aside for growing on line
    extended = ["lazy_itable_init=1", "lazy_journal_init=1", "nodiscard"]
    extended += [f"root_owner={owner}:{owner}"] if owner is not None else []
    arguments = ["-q", "-F", "-m", "0", "-b", str(BLOCK), "-i", str(BYTES_PER_INODE), "-O", features]
    arguments += ["-J", f"size={journal}", "-E", ",".join(extended), str(image)]
    await run_command([find_program("mkfs.ext4") or "mkfs.ext4", *arguments])


async def _read_overhead(image: Path, *, limit: int) -> int:
    printed = await run_command([find_program("dumpe2fs") or "dumpe2fs", "-h", str(image)])
    facts = {name: value.strip() for name, _, value in (line.partition(":") for line in printed.splitlines())}
    try:
        overhead = int(facts["Overhead clusters"]) * int(facts["Block size"])
    except (KeyError, ValueError) as e:
        raise HostCommandError(program="dumpe2fs", status=0, output=printed) from e
    return overhead + min(limit // 50, DELAYED_RESERVE)


def _publish(staged: Path, image: Path) -> None:
    staged.rename(image)
    sync_directory(image.parent)


def _truncate(image: Path, size: int) -> None:
    descriptor = os.open(image, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    try:
        os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)
