"""Running a program of the host to its end: bounded in time, in output and in the files it may write."""

import asyncio
import os
import resource
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

_CHUNK = 64 * 1024


class OutputTooLargeError(Exception):
    """The program printed more than was asked for."""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended; ``errors`` is what it wrote to stderr."""

    status: int
    output: bytes
    errors: str


async def run_program(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    deadline: timedelta,
    text: bytes = b"",
    most: int = 64 * 2**20,
    file_limit: int | None = None,
) -> Completed:
    """Run a program in a session of its own and return what it printed.

    Whatever happens, nothing of its process group is left behind. ``file_limit`` is in bytes.

    Raises
    ------
    TimeoutError
        It did not end before the deadline.
    OutputTooLargeError
        It printed more than ``most`` bytes.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE if text else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        if file_limit is not None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (file_limit, file_limit))
        async with asyncio.timeout(deadline.total_seconds()):
            _, output, errors = await asyncio.gather(
                _write(process, text), _read(process.stdout, most), _read(process.stderr, most)
            )
            status = await process.wait()
    finally:
        await kill_group(process)
    return Completed(status=status, output=output, errors=errors.decode(errors="replace"))


async def kill_group(process: asyncio.subprocess.Process) -> None:
    """Kill a program that leads its process group, with everything in the group, and wait for it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        await process.wait()


async def _write(process: asyncio.subprocess.Process, text: bytes) -> None:
    if process.stdin is None:
        return
    try:
        process.stdin.write(text)
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError, RuntimeError):  # uvloop raises the last one
        return  # it ended without reading all: its status says why


async def _read(stream: asyncio.StreamReader | None, most: int) -> bytes:
    assert stream is not None  # noqa: S101 it is a pipe
    parts: list[bytes] = []
    size = 0
    while chunk := await stream.read(_CHUNK):
        size += len(chunk)
        if size > most:
            raise OutputTooLargeError
        parts.append(chunk)
    return b"".join(parts)
