"""`up --detach`: start the supervisor on its own and wait until everything is ready."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta

from .config import CHECKOUT, LocalConfig
from .errors import DetachedStartError
from .instance import find_supervisor
from .layout import StateLayout
from .logs import LogReader, open_log
from .polling import poll_until
from .status import Phase, read_status

__all__ = ["up_detached"]

DEADLINE = timedelta(minutes=15)  # the base environment's downloads may be slow
POLL = timedelta(milliseconds=200)


async def up_detached(config: LocalConfig, *, inherited: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Start a supervisor that outlives this command, repeat what it says, and return when all is ready.

    Raises
    ------
    DetachedStartError
        It ended, or took too long; it has said why.
    """
    layout = StateLayout(config)
    layout.create()
    path = layout.log("supervisor")
    with open_log(path) as log:
        reader = LogReader(path)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "heliostat_local", "up"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**inherited, "PYTHONUNBUFFERED": "1"},
            cwd=CHECKOUT,
            start_new_session=True,
        )

    def is_over() -> bool:
        for line in reader.read_new():
            say(line)
        return process.returncode is not None or is_ready(layout, pid=process.pid)

    in_time = await poll_until(is_over, deadline=DEADLINE, interval=POLL)
    for line in reader.read_new():
        say(line)
    if process.returncode is not None or not in_time:
        raise DetachedStartError(log=path)


def is_ready(layout: StateLayout, *, pid: int) -> bool:
    """Whether the supervisor of this number has everything ready."""
    supervisor = find_supervisor(layout)
    status = read_status(layout.status)
    return supervisor is not None and supervisor.pid == pid and status is not None and status.phase is Phase.READY
