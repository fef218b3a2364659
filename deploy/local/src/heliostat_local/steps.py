"""Short programs that prepare something, with a deadline."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from .errors import CommandFailedError

__all__ = ["run_step"]


async def run_step(
    purpose: str, command: Sequence[str], *, environment: Mapping[str, str], directory: Path, deadline: timedelta
) -> None:
    """Run a program to its end.

    Raises
    ------
    CommandFailedError
        It failed or took too long; the text holds what it printed.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environment),
        cwd=directory,
    )
    try:
        async with asyncio.timeout(deadline.total_seconds()):
            output, _ = await process.communicate()
    except TimeoutError as e:
        late = f"It did not end within {deadline.total_seconds():g} s."
        raise CommandFailedError(purpose=purpose, output=late) from e
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise CommandFailedError(purpose=purpose, output=output.decode(errors="replace"))
