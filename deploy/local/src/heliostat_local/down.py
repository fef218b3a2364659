"""`down`: stop what `up` started, also when its supervisor was killed."""

import signal
from collections.abc import Callable
from datetime import timedelta

from heliostat_runtime.processes import send_signal

from .config import LocalConfig
from .engine import clear_engine
from .instance import find_supervisor, hold_instance
from .layout import StateLayout
from .ledger import ProcessLedger
from .polling import poll_until

__all__ = ["down"]

STOP_DEADLINE = timedelta(seconds=120)  # more than the deadlines of all components one after the other
KILL_DEADLINE = timedelta(seconds=10)


async def down(config: LocalConfig, *, say: Callable[[str], None]) -> None:
    """Ask the supervisor to stop everything and wait for its end; then end whatever is still recorded."""
    layout = StateLayout(config)
    if not layout.run.exists():
        say("nothing was ever started here")
        return
    supervisor = find_supervisor(layout)
    if supervisor is not None:
        send_signal(supervisor, signal.SIGTERM)
        if not await poll_until(lambda: not supervisor.is_alive(), deadline=STOP_DEADLINE):
            send_signal(supervisor, signal.SIGKILL)
            await poll_until(lambda: not supervisor.is_alive(), deadline=KILL_DEADLINE)
    with hold_instance(layout):
        leftovers = await ProcessLedger(layout.processes).end_leftovers()
        await clear_engine(config, layout, say=say)
    if supervisor is None and not leftovers:
        say("nothing was running")
    else:
        say("stopped")
