"""One running server: watch it, wait for it, stop it."""

import asyncio
import signal
from datetime import timedelta

from .cgroups import ControlGroup
from .errors import ServerStartError, ServerStopError, VolumeMissingError
from .limits import Enforcement, Frozen, Limits, Usage
from .processes import ProcessIdentity, freeze_tree, send_signal
from .server_run import ServerRecord, ServerRun
from .volume import VolumeId
from .volumes import VolumeStore
from .waiting import wait_for_condition

__all__ = ["ServerProcess", "ServerStatus"]

POLL = timedelta(milliseconds=50)
KILL_DEADLINE = timedelta(seconds=10)  # after SIGKILL only the kernel can delay the end
LEASE_PATIENCE = timedelta(seconds=5)


class ServerStatus(Frozen):
    """Whether a server runs; `exit_code` when it has ended and that is known."""

    running: bool
    exit_code: int | None


class ServerProcess:
    """A server that was started here, or adopted after a restart; it does not depend on this process."""

    def __init__(self, *, record: ServerRecord, run: ServerRun, group: ControlGroup, volumes: VolumeStore) -> None:
        self._record = record
        self._run = run
        self._group = group
        self._volumes = volumes

    @property
    def volume_id(self) -> VolumeId:
        """The volume it runs on; also its name on this host."""
        return self._record.volume_id

    @property
    def group(self) -> ControlGroup:
        """The group of all its processes."""
        return self._group

    @property
    def limits(self) -> Limits:
        """What it was started with."""
        return self._record.limits

    @property
    def enforcement(self) -> tuple[Enforcement, ...]:
        """How far each of its limits is enforced."""
        return self._record.enforcement

    async def poll(self) -> ServerStatus:
        """Return whether it runs; kills what an ended server left running, and keeps its log within bounds."""
        return await asyncio.to_thread(self._poll)

    async def read_usage(self) -> Usage:
        """Return what it has used; all unknown where there are no control groups."""
        return await self._group.read_usage()

    async def wait_until_listening(self, port: int, *, deadline: timedelta) -> None:
        """Wait until something accepts connections on the loopback port.

        Raises
        ------
        ServerStartError
            The server ended, or nothing listened before the deadline.
        """
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                while not await _accepts(port):
                    if not (await self.poll()).running:
                        raise ServerStartError(f"it ended before it listened ({await self.read_log_end()})")
                    await asyncio.sleep(POLL.total_seconds())
        except TimeoutError as e:
            waited = f"nothing listened on port {port} after {deadline.total_seconds():g} s"
            raise ServerStartError(f"{waited} ({await self.read_log_end()})") from e

    async def read_log_end(self) -> str:
        """Return the end of what it printed."""
        return await asyncio.to_thread(self._run.read_log_end) or "it printed nothing"

    async def stop(self, *, grace: timedelta) -> ServerStatus:
        """Ask it to end, kill what is left after `grace`, and leave no process, mount, or group; ended is success.

        Raises
        ------
        ServerStopError
            Processes survived SIGKILL; nothing was cleaned up, and stopping again is right.
        """
        if server := await asyncio.to_thread(self._run.server):
            await asyncio.to_thread(send_signal, server, signal.SIGTERM)
            await wait_for_condition(lambda: not self._run.is_running(), deadline=grace, interval=POLL)
        if not await self.kill():
            raise ServerStopError(volume_id=self.volume_id, waited=KILL_DEADLINE)
        status = await self.poll()
        await self.clear()
        return status

    async def clear(self) -> None:
        """Remove what an ended server leaves: its group, its mount, its record."""
        await self._group.remove()
        try:
            async with self._volumes.lease(self.volume_id, patience=LEASE_PATIENCE) as lease:
                await self._volumes.detach(lease)
                await asyncio.to_thread(self._run.remove)
        except VolumeMissingError:
            await asyncio.to_thread(self._run.remove)

    def _poll(self) -> ServerStatus:
        self._run.bound_log()
        running = self._run.is_running()
        if not running and (left := self._run.inner()):
            send_signal(left, signal.SIGKILL)
        return ServerStatus(running=running, exit_code=None if running else self._run.exit_code())

    async def kill(self) -> bool:
        """Kill all its processes; False when some are left at the deadline."""
        for identity in await asyncio.to_thread(self._find_processes):
            send_signal(identity, signal.SIGKILL)
        return await self._group.kill(KILL_DEADLINE) and await wait_for_condition(
            lambda: not self._run.has_processes(), deadline=KILL_DEADLINE, interval=POLL
        )

    def _find_processes(self) -> list[ProcessIdentity]:
        inner, outer = self._run.inner(), self._run.outer()
        if inner is not None:
            return [inner, *([outer] if outer else [])]
        if outer is None or not outer.is_alive():
            return []
        return freeze_tree(outer)


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        return True
    return True
