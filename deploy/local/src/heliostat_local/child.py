"""One running child process."""

import asyncio
import contextlib
import os
import signal
from datetime import timedelta
from typing import Self

from heliostat_runtime.processes import ProcessIdentity, read_identity

from .component import Component
from .logs import open_log

__all__ = ["Child"]

KILL_DEADLINE = timedelta(seconds=10)


class Child:
    """A component's process, leader of its own session: a terminal's Ctrl-C reaches the supervisor only."""

    def __init__(self, component: Component, process: asyncio.subprocess.Process) -> None:
        self._component = component
        self._process = process

    @classmethod
    async def start(cls, component: Component, log_path: os.PathLike[str]) -> Self:
        """Start the program; the kernel ends it should the supervisor be killed."""
        with open_log(log_path) as log:
            process = await asyncio.create_subprocess_exec(
                "setpriv",
                f"--pdeathsig={component.stop_signal.name}",
                "--",
                *component.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(component.environment),
                cwd=component.directory,
                start_new_session=True,
            )
        return cls(component, process)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def identity(self) -> ProcessIdentity | None:
        """Number, start time and boot; None when it has ended already."""
        return read_identity(self._process.pid)

    async def wait(self) -> int:
        """Wait for the end, kill what it left in its process group, and return its code (negative: the signal)."""
        code = await self._process.wait()
        self._signal_group(signal.SIGKILL)
        return code

    async def stop(self) -> None:
        """Ask it to end, and kill its process group when it does not in time."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._component.signal_target(self.pid), self._component.stop_signal)
        try:
            async with asyncio.timeout(self._component.stop_deadline.total_seconds()):
                await self._process.wait()
        except TimeoutError:
            self._signal_group(signal.SIGKILL)
            async with asyncio.timeout(KILL_DEADLINE.total_seconds()):
                await self._process.wait()
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
