"""Run short programs of the host with a deadline, without blocking the event loop."""

import asyncio
import shutil
from collections.abc import Sequence
from datetime import timedelta

from .errors import HostCommandError

__all__ = ["find_program", "run_command"]

DEADLINE = timedelta(seconds=30)
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def find_program(name: str) -> str | None:
    """Return the absolute path of a system program, whatever PATH the service was given."""
    return shutil.which(name, path=SYSTEM_PATH)


async def run_command(arguments: Sequence[str], *, deadline: timedelta = DEADLINE, pass_fds: Sequence[int] = ()) -> str:
    """Run a program to its end and return what it printed (stdout and stderr together).

    Raises
    ------
    HostCommandError
        It is missing, failed, or did not finish before the deadline (it is killed then).
    """
    name = arguments[0].rsplit("/", 1)[-1]
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": SYSTEM_PATH, "LC_ALL": "C"},
            pass_fds=pass_fds,
        )
    except OSError as e:
        raise HostCommandError(program=name, status=127, output=str(e)) from e
    try:
        async with asyncio.timeout(deadline.total_seconds()):
            output, _ = await process.communicate()
    except TimeoutError as e:
        raise HostCommandError(program=name, status=None, output="") from e
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    decoded = output.decode(errors="replace")
    if process.returncode:
        raise HostCommandError(program=name, status=process.returncode, output=decoded)
    return decoded
