"""One supervisor per state directory."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from os import getpid

from heliostat_runtime.processes import ProcessIdentity, read_identity

from .errors import AlreadyRunningError
from .layout import StateLayout, read_json, write_private

__all__ = ["find_supervisor", "hold_instance"]


@contextmanager
def hold_instance(layout: StateLayout) -> Iterator[None]:
    """Hold the state directory as its only supervisor; the kernel releases it however we end.

    Raises
    ------
    AlreadyRunningError
        Somebody else holds it.
    """
    with layout.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise AlreadyRunningError(state=layout.root) from e
        layout.status.unlink(missing_ok=True)
        identity = read_identity(getpid())
        if identity is None:
            raise ProcessLookupError(getpid())
        write_private(layout.supervisor, identity.model_dump_json())
        try:
            yield
        finally:
            layout.supervisor.unlink(missing_ok=True)


def find_supervisor(layout: StateLayout) -> ProcessIdentity | None:
    """Return the supervisor that holds the state directory now."""
    recorded = read_json(layout.supervisor)
    if recorded is None:
        return None
    identity = ProcessIdentity(**recorded)
    return identity if identity.is_alive() else None
