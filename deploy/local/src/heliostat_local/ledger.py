"""Which processes this instance started, on disk, so that the next start can end what a killed supervisor left."""

import json
import signal
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from heliostat_runtime.processes import (
    ProcessIdentity,
    boot_id,
    list_descendants,
    read_identity,
    read_process,
    send_signal,
)

from .layout import read_json, write_private
from .polling import poll_until

__all__ = ["ProcessLedger"]

POLITE = timedelta(seconds=15)
FORCED = timedelta(seconds=10)


class ProcessLedger:
    """The recorded processes by component; each with start time and boot, so that a reused number is no match."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._running: dict[str, ProcessIdentity] = {}

    def record(self, component: str, identity: ProcessIdentity) -> None:
        """Note a process that was started."""
        self._running[component] = identity
        self._write()

    def forget(self, component: str) -> None:
        """Note that a component's process has ended."""
        if self._running.pop(component, None):
            self._write()

    async def end_leftovers(self) -> list[str]:
        """End recorded processes that still run, with their children, and return their components."""
        recorded = {name: ProcessIdentity(**identity) for name, identity in (read_json(self._path) or {}).items()}
        families = {name: _list_family(identity) for name, identity in recorded.items()}
        family = [member for members in families.values() for member in members]
        _signal_all(family, signal.SIGTERM)
        if not await poll_until(lambda: not any(member.is_alive() for member in family), deadline=POLITE):
            _signal_all(family, signal.SIGKILL)
            await poll_until(lambda: not any(member.is_alive() for member in family), deadline=FORCED)
        self._write()
        return sorted(name for name, members in families.items() if members)

    def _write(self) -> None:
        text = json.dumps({name: identity.model_dump() for name, identity in self._running.items()})
        write_private(self._path, text)


def _list_family(leader: ProcessIdentity) -> list[ProcessIdentity]:
    """List what is left of a recorded process: itself, its descendants, and who is still in its session.

    Every child leads a session. As long as anybody is in it the kernel gives its number to no new process, so a session
    whose leader is gone is still ours unless another process has the number.
    """
    holder = read_process(leader.pid)
    if leader.boot_id != boot_id() or (holder and holder.start_time != leader.start_time):
        return []
    running = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    numbers = {pid for pid in running if _is_in_session(pid, leader)}
    if holder:
        numbers |= {leader.pid, *list_descendants(leader.pid)}
    return [identity for identity in map(read_identity, numbers) if identity and identity.is_alive()]


def _is_in_session(pid: int, leader: ProcessIdentity) -> bool:
    found = read_process(pid)
    return found is not None and found.session == leader.pid and found.start_time >= leader.start_time


def _signal_all(identities: Iterable[ProcessIdentity], number: signal.Signals) -> None:
    for identity in identities:
        send_signal(identity, number)
