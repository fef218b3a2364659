"""Identity of processes beyond their number, read from /proc."""

import os
import signal
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .limits import Frozen

__all__ = [
    "ProcessIdentity",
    "boot_id",
    "freeze_tree",
    "list_descendants",
    "read_identity",
    "read_process",
    "send_signal",
]

PROC = Path("/proc")


class ProcessState(NamedTuple):
    """One line of /proc/<pid>/stat, as far as it matters here."""

    state: str
    parent: int
    session: int
    start_time: int


class ProcessIdentity(Frozen):
    """A process that cannot be confused with a later one of the same number, not even after a reboot."""

    pid: int
    start_time: int
    boot_id: str

    def is_alive(self) -> bool:
        """Whether this very process still runs; a zombie has ended."""
        found = read_process(self.pid)
        return (
            found is not None
            and found.start_time == self.start_time
            and found.state not in "ZX"
            and self.boot_id == boot_id()
        )


def parse_stat(text: str) -> ProcessState:
    """Read a line of /proc/<pid>/stat; the command's name may hold blanks and parentheses."""
    fields = text[text.rindex(")") + 2 :].split()
    return ProcessState(fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def read_process(pid: int) -> ProcessState | None:
    """Return the state of a process, or None when there is none."""
    try:
        return parse_stat((PROC / str(pid) / "stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None


def read_identity(pid: int) -> ProcessIdentity | None:
    """Return the identity of a process that runs now."""
    found = read_process(pid)
    return found and ProcessIdentity(pid=pid, start_time=found.start_time, boot_id=boot_id())


@cache
def boot_id() -> str:
    """Return the id of this boot of the machine."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def list_descendants(pid: int) -> list[int]:
    """List the processes below one, nearest first."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (found := read_process(int(entry.name))) and found.state not in "ZX":
            children.setdefault(found.parent, []).append(int(entry.name))
    descendants: list[int] = []
    level = [pid]
    while level := [child for parent in level for child in children.get(parent, [])]:
        descendants += level
    return descendants


def send_signal(identity: ProcessIdentity, number: signal.Signals) -> bool:
    """Signal this very process; False when it is gone. A pidfd closes the gap between the check and the signal."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return False
    try:
        if not identity.is_alive():
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def freeze_tree(root: ProcessIdentity) -> list[ProcessIdentity]:
    """Stop a process and all below it, so that none can start another one unseen, and return them.

    The kernel finishes no fork of a process that has a signal waiting: when a look finds nobody new, there is nobody.
    """
    frozen: set[ProcessIdentity] = set()
    while True:
        below = (read_identity(pid) for pid in list_descendants(root.pid))
        new = {root, *(identity for identity in below if identity)} - frozen
        if not new:
            return list(frozen)
        for identity in new:
            send_signal(identity, signal.SIGSTOP)
        frozen |= new
