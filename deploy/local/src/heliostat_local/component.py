"""What the supervisor runs: a program, how to see that it is ready, and how to end it."""

import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

__all__ = ["Component"]


async def _nothing() -> None:
    """Take no step."""


def _itself(pid: int) -> int:
    return pid


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """One long-lived program.

    Attributes
    ----------
    environment
        The whole environment; nothing is inherited.
    is_ready
        Asked again and again; any other error than False is a mistake of ours.
    after
        Components that must have been ready once before this one's first start. Stopping goes the other way.
    prepare
        Done before each start.
    complete
        Done after each time the program answers, before the component counts as ready.
    signal_target
        Finds the process to signal from the one that was started.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    is_ready: Callable[[], Awaitable[bool]]
    after: tuple[str, ...] = ()
    prepare: Callable[[], Awaitable[None]] = _nothing
    complete: Callable[[], Awaitable[None]] = _nothing
    start_deadline: timedelta = timedelta(seconds=60)
    stop_deadline: timedelta = timedelta(seconds=10)
    stop_signal: signal.Signals = signal.SIGTERM
    signal_target: Callable[[int], int] = field(default=_itself)
