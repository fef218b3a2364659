"""The fork server of this process: started, replaced, and asked to fork servers; see fork_server.py."""

import asyncio
import os
import socket
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from . import fork_server
from .capabilities import HostCapabilities
from .cgroups import ControlGroup
from .errors import EnvironmentMissingError
from .interpreters import read_environment
from .launch import memory_file
from .limits import Frozen
from .processes import ProcessIdentity
from .sandbox_spec import HOME
from .server_plan import COMMON_VARIABLES, ServerSpec, build_environment
from .server_run import ServerRun
from .volume import Volume
from .waiting import wait_for_condition

__all__ = ["ForkPlan", "ForkServers", "Gate", "open_gate"]

POLL = timedelta(milliseconds=5)
SANDBOX_DEADLINE = timedelta(seconds=5)  # bubblewrap tells its first process within milliseconds
STOP_DEADLINE = timedelta(seconds=5)
LIFETIME = timedelta(hours=6)  # so long servers share the layout of their memory and the seed of their hashes
PADDING = "-" * 2000  # room for the command line of a server


class ForkPlan(Frozen):
    """What a forked process is to become; read by that process only, the environment holds secrets."""

    uid: int | None
    user_namespace: bool
    home: Path
    command: tuple[str, ...]
    environment: dict[str, str]
    file_limit: int | None


class Preload(NamedTuple):
    """What a fork server has imported; it serves commands `<interpreter> -I -m <module> ...`."""

    interpreter: Path
    module: str
    changed_at: int

    def covers(self, spec: ServerSpec) -> bool:
        """Whether a server can be forked; a start script runs before its command, and may change it."""
        return spec.command[:4] == (str(self.interpreter), "-I", "-m", self.module) and spec.start_script is None


class Gate(NamedTuple):
    """Both ends of a socket of packets between the entry program and the fork server's processes."""

    inside: socket.socket
    outside: socket.socket


@contextmanager
def open_gate() -> Iterator[Gate]:
    """Make a gate; the other processes keep their ends."""
    inside, outside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with inside, outside:
        yield Gate(inside, outside)


class ForkServers:
    """At most one fork server, that of the base environment asked for last. What is not async blocks shortly.

    It ends with its socket, so with this process, however that ends.
    """

    def __init__(self, capabilities: HostCapabilities) -> None:
        self._capabilities = capabilities
        self._lock = Lock()
        self._preload: Preload | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._is_ready = False
        self._started_at = 0.0

    def ensure(self, base_environment: Path, module: str) -> None:
        """Start the fork server of a base environment unless it runs, or cannot work on this host."""
        with self._lock:
            preload = self._read_preload(base_environment, module)
            if preload is not None and self._is_due(preload):
                self._stop()
                self._start(preload)

    def covers(self, spec: ServerSpec) -> bool:
        """Whether a fork server has imported what this server needs."""
        with self._lock:
            preload = self._preload
            if preload is None or not preload.covers(spec) or self._has_ended():
                return False
            return self._is_ready and self._read_preload(spec.base_environment, preload.module) == preload

    async def offer(
        self, spec: ServerSpec, volume: Volume, *, run: ServerRun, group: ControlGroup, gate: Gate, log: int
    ) -> None:
        """Ask for a server in the sandbox of a run; whether there is one, the entry program learns at the gate."""
        plan = ForkPlan(
            uid=volume.uid if self._capabilities.own_uids else None,
            user_namespace=self._capabilities.sandbox_mode == "user",
            home=HOME,
            command=spec.command,
            environment=build_environment(spec, home=HOME),
            file_limit=volume.size,
        )
        sandbox = await self._wait_for_sandbox(run)
        if sandbox is not None:
            await asyncio.to_thread(self._ask, plan, gate=gate, log=log, sandbox=sandbox, groups=group.procs_files)

    async def _wait_for_sandbox(self, run: ServerRun) -> ProcessIdentity | None:
        found: list[ProcessIdentity] = []

        def look() -> bool:
            found.extend(filter(None, [run.inner()]))
            return bool(found) or not run.has_processes()

        await wait_for_condition(look, deadline=SANDBOX_DEADLINE, interval=POLL)
        return next(iter(found), None)

    def _ask(self, plan: ForkPlan, *, gate: Gate, log: int, sandbox: ProcessIdentity, groups: Sequence[Path]) -> None:
        with ExitStack() as stack, self._lock, suppress(OSError):  # one of them has ended: the gate tells
            pidfd = os.pidfd_open(sandbox.pid)
            stack.callback(os.close, pidfd)
            if self._connection is None or not sandbox.is_alive():  # the number may be another process's by now
                return
            files = [stack.enter_context(path.open("wb", buffering=0)) for path in groups]
            plan_fd = stack.enter_context(memory_file(plan.model_dump_json().encode()))
            descriptors = [plan_fd, gate.outside.fileno(), log, pidfd, *(file.fileno() for file in files)]
            socket.send_fds(self._connection, [b"f"], descriptors)

    def close(self) -> None:
        """End the fork server; servers that it has forked go on."""
        with self._lock:
            self._stop()

    def _start(self, preload: Preload) -> None:
        self._connection, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.settimeout(0)
        program = [str(preload.interpreter), "-I", fork_server.__file__]
        with other:
            self._process = subprocess.Popen(
                [*program, str(other.fileno()), preload.module, PADDING],
                env=COMMON_VARIABLES,
                cwd="/",
                stdin=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                start_new_session=True,
            )
        self._preload, self._is_ready, self._started_at = preload, False, time.monotonic()

    def _stop(self) -> None:
        if self._connection is not None and self._process is not None:
            self._connection.close()
            try:
                self._process.wait(STOP_DEADLINE.total_seconds())
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._connection = self._process = None

    def _has_ended(self) -> bool:
        if self._connection is None:
            return True
        try:
            message = self._connection.recv(64)
        except BlockingIOError:
            return False
        except OSError:
            return True
        self._is_ready = self._is_ready or bool(message)
        return not message

    def _is_due(self, preload: Preload) -> bool:
        if preload != self._preload:
            return True
        if self._has_ended():
            return self._is_ready  # one that ended before would end again
        return time.monotonic() - self._started_at > LIFETIME.total_seconds()

    def _read_preload(self, base_environment: Path, module: str) -> Preload | None:
        if self._capabilities.sandbox_mode is None:
            return None
        try:
            interpreter = read_environment(base_environment).interpreter.resolve(strict=True)
            changed_at = (base_environment / "pyvenv.cfg").stat().st_mtime_ns
        except (EnvironmentMissingError, OSError):
            return None
        if self._may_servers_write(interpreter):
            return None
        return Preload(base_environment / "bin" / "python", module, changed_at)

    def _may_servers_write(self, interpreter: Path) -> bool:
        """Whether servers could write the interpreter: a forked one's /proc/self/exe is not on a read-only mount."""
        status = interpreter.stat()
        if self._capabilities.own_uids:
            return bool(status.st_mode & stat.S_IWOTH)
        return status.st_uid == self._capabilities.uid or os.access(interpreter, os.W_OK)
