"""The servers of this host: start, adopt after a restart, reconcile."""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from . import entry
from .capabilities import HostCapabilities
from .cgroups import ControlGroup, ControlGroups
from .errors import EnvironmentMissingError, HostCommandError, ServerStartError
from .fork_servers import ForkServers, open_gate
from .host import instance_name
from .interpreters import VirtualEnvironment, read_environment
from .launch import Command, RunFiles, Sandbox, memory_file
from .limits import Enforcement, Limits
from .processes import read_identity
from .sandbox_spec import HOME
from .server import ServerProcess
from .server_plan import PROVIDED, EntryPlan, GatePlan, ServerSpec, build_environment, build_layer, build_sandbox_spec
from .server_run import ServerRecord, ServerRun
from .volume import VolumeId, VolumeLease
from .volumes import VolumeStore
from .waiting import complete

__all__ = ["Servers"]

logger = logging.getLogger(__name__)

GROUP_PREFIX = "server-"
REPORT_POLL = timedelta(milliseconds=10)
FORK_DEADLINE = timedelta(seconds=10)  # a fork takes 50 ms, the ordinary way 2 s: only what hangs takes so long
STOP_GRACE = timedelta(seconds=10)


class Descriptors(NamedTuple):
    """Files of this process that a server's processes get."""

    lock: int
    log: int
    status: int
    report: int
    contents: int | None
    gate: int | None


class Servers:
    """Servers in `run/servers/<volume id>/`; what is known about them is on disk, nothing is lost with this process."""

    def __init__(
        self,
        state: Path,
        capabilities: HostCapabilities,
        volumes: VolumeStore,
        *,
        fork_deadline: timedelta = FORK_DEADLINE,
    ) -> None:
        self._state = state
        self._fork_deadline = fork_deadline
        self._capabilities = capabilities
        self._volumes = volumes
        self._groups = ControlGroups.open(capabilities, instance_name(state))
        self._sandbox = Sandbox(capabilities)
        self._forks = ForkServers(capabilities)

    async def preload(self, base_environment: Path, module: str) -> None:
        """Have servers whose command is `<base_environment>/bin/python -I -m <module> ...` forked from now on.

        A fork server imports `<module>.preload` once and lives as long as this process, see decision 22. Where it
        does not work, and until it is ready, servers start the ordinary way.
        """
        await asyncio.to_thread(self._forks.ensure, base_environment, module)

    def is_preloaded(self, spec: ServerSpec) -> bool:
        """Whether a server would be forked now (blocks shortly)."""
        return self._forks.covers(spec)

    async def close(self) -> None:
        """End the fork server; servers go on."""
        await asyncio.to_thread(self._forks.close)

    async def start(self, spec: ServerSpec) -> ServerProcess:
        """Start a server and return once its own program runs, with the repository's files in place.

        Raises
        ------
        VolumeBusyError
            A server runs on the volume already.
        VolumeMissingError, EnvironmentMissingError
            What it needs is not on this host.
        ServerStartError
            It could not be brought up; nothing of it is left.
        """
        facts = await asyncio.to_thread(read_environment, spec.environment)
        await asyncio.to_thread(read_environment, spec.base_environment)
        async with self._volumes.lease(spec.volume_id, patience=timedelta(seconds=1)) as lease:
            record = self._describe(spec, lease)
            run = ServerRun(self._state, spec.volume_id)
            group = self._groups.find(GROUP_PREFIX + spec.volume_id)
            server = ServerProcess(record=record, run=run, group=group, volumes=self._volumes)
            try:
                # As a whole: of a step that is given up half-way, nobody could say what there is to be undone.
                await complete(self._bring_up(spec, facts, record, lease=lease, run=run, group=group))
                await self._wait_until_prepared(spec, run)
            except BaseException:
                await server.kill()
                await group.remove()
                await self._volumes.detach(lease)
                await asyncio.to_thread(run.remove)
                raise
        return server

    async def adopt(self, volume_id: str) -> ServerProcess | None:
        """Return the server that runs on a volume, whoever started it; None when none does."""
        server, run = await self._load(VolumeId(volume_id))
        if server is None or not (await server.poll()).running:
            return None
        await self._record_population(VolumeId(volume_id), run)
        return server

    async def list_(self) -> tuple[ServerRecord, ...]:
        """List the runs that are recorded, ended ones too."""
        records = [await asyncio.to_thread(ServerRun(self._state, name).read) for name in await self._list_ids()]
        return tuple(record for record in records if record)

    async def reconcile(self, known: set[VolumeId]) -> None:
        """Kill servers on volumes that nobody claims, and clean up after those that have ended.

        Servers that this process itself started are left alone: they may be newer than `known`.
        """
        for volume_id in await self._list_ids():
            server, run = await self._load(volume_id)
            if server is None:
                await asyncio.to_thread(run.remove)
            elif not (await server.poll()).running:
                await server.clear()
            elif volume_id not in known and not await self._is_own(run):
                await server.stop(grace=STOP_GRACE)
        await self._remove_groups()

    def _describe(self, spec: ServerSpec, lease: VolumeLease) -> ServerRecord:
        creator = read_identity(os.getpid())
        if creator is None:
            raise ServerStartError("/proc is not readable", remedy="Mount /proc on the host.")
        return ServerRecord(
            volume_id=spec.volume_id,
            created_at=datetime.now(UTC),
            creator=creator,
            sandboxed=self._capabilities.sandbox_mode is not None,
            limits=spec.limits,
            enforcement=self._judge(spec.limits, lease),
        )

    async def _bring_up(
        self,
        spec: ServerSpec,
        facts: VirtualEnvironment,
        record: ServerRecord,
        *,
        lease: VolumeLease,
        run: ServerRun,
        group: ControlGroup,
    ) -> None:
        await asyncio.to_thread(run.begin, record)
        home = await self._volumes.attach(lease)
        await self._groups.create(group.name, spec.limits)
        await self._launch(spec, facts, lease=lease, home=home, run=run, group=group)

    async def _launch(
        self,
        spec: ServerSpec,
        facts: VirtualEnvironment,
        *,
        lease: VolumeLease,
        home: Path,
        run: ServerRun,
        group: ControlGroup,
    ) -> None:
        with ExitStack() as stack:
            log, status, report = stack.enter_context(run.outputs())
            contents = self._open_contents(spec, lease)
            if contents is not None:
                stack.callback(os.close, contents)
            gate = stack.enter_context(open_gate()) if await asyncio.to_thread(self.is_preloaded, spec) else None
            inside = gate.inside.fileno() if gate else None
            descriptors = Descriptors(lease.descriptor, log, status, report, contents, inside)
            command = stack.enter_context(
                self._command(spec, facts, home=home, uid=lease.volume.uid, descriptors=descriptors)
            )
            try:
                await self._sandbox.start_detached(
                    command, group=group, file_limit=lease.volume.size, run=RunFiles(run.identity_path, log)
                )
            except HostCommandError as e:
                raise ServerStartError(e.message) from e
            if gate is not None:
                await self._forks.offer(spec, lease.volume, run=run, group=group, gate=gate, log=log)

    @contextmanager
    def _command(
        self, spec: ServerSpec, facts: VirtualEnvironment, *, home: Path, uid: int, descriptors: Descriptors
    ) -> Iterator[Command]:
        sandboxed = self._capabilities.sandbox_mode is not None
        seen_home = HOME if sandboxed else home
        provided = PROVIDED / "entry.py" if sandboxed else Path(entry.__file__)
        start = (str(PROVIDED / "start" if sandboxed else spec.start_script),) if spec.start_script else ()
        plan = EntryPlan(
            home=seen_home,
            command=(*start, *spec.command),
            environment=build_environment(spec, home=seen_home),
            layer=build_layer(spec, facts, home=seen_home),
            contents_fd=descriptors.contents,
            report_fd=descriptors.report,
            gate=self._build_gate_plan(descriptors.gate),
        )
        sandbox = build_sandbox_spec(
            spec,
            home=home,
            uid=uid,
            entry=Path(entry.__file__).read_bytes(),
            start=spec.start_script.read_bytes() if spec.start_script else None,
        )
        options = ["--sync-fd", str(descriptors.lock), "--json-status-fd", str(descriptors.status)]
        kept = [number for number in descriptors if number is not None]
        with memory_file(plan.model_dump_json().encode()) as plan_fd:
            argv = [str(spec.base_environment / "bin/python"), "-I", "-S", str(provided), str(plan_fd)]
            with self._sandbox.command(sandbox, argv, options=options, descriptors=[plan_fd, *kept]) as command:
                yield command

    def _build_gate_plan(self, gate: int | None) -> GatePlan | None:
        return None if gate is None else GatePlan(descriptor=gate, deadline=self._fork_deadline.total_seconds())

    def _open_contents(self, spec: ServerSpec, lease: VolumeLease) -> int | None:
        if spec.contents is None or lease.volume.populated:
            return None
        try:
            return os.open(spec.contents, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as e:
            raise EnvironmentMissingError(path=spec.contents) from e

    async def _wait_until_prepared(self, spec: ServerSpec, run: ServerRun) -> None:
        try:
            async with asyncio.timeout(spec.preparation_deadline.total_seconds()):
                while True:
                    # First, as what a server has said before its end is there to be read after it.
                    running = await asyncio.to_thread(run.is_running)
                    reports = await asyncio.to_thread(run.reports)
                    if reports.get("ready"):
                        break
                    if "error" in reports:
                        raise ServerStartError(reports["error"])
                    if not running:
                        raise ServerStartError(await asyncio.to_thread(run.read_log_end) or "it ended at once")
                    await asyncio.sleep(REPORT_POLL.total_seconds())
        except TimeoutError as e:
            raise ServerStartError(
                f"its home was not ready after {spec.preparation_deadline.total_seconds():g} s"
            ) from e
        if "failed" in (fork := reports.get("fork", {})):
            logger.warning("server on volume %s was not forked: %s", spec.volume_id, fork["failed"])
        await self._record_population(spec.volume_id, run)

    async def _record_population(self, volume_id: VolumeId, run: ServerRun) -> None:
        if (await asyncio.to_thread(run.reports)).get("populated"):
            await self._volumes.record(volume_id, populated=True)

    async def _load(self, volume_id: VolumeId) -> tuple[ServerProcess | None, ServerRun]:
        run = ServerRun(self._state, volume_id)
        record = await asyncio.to_thread(run.read)
        if record is None:
            return None, run
        group = self._groups.find(GROUP_PREFIX + volume_id)
        return ServerProcess(record=record, run=run, group=group, volumes=self._volumes), run

    async def _is_own(self, run: ServerRun) -> bool:
        record = await asyncio.to_thread(run.read)
        return record is not None and record.creator == read_identity(os.getpid())

    async def _remove_groups(self) -> None:
        """Remove groups without a run: the run is recorded before the group is made, and forgotten after it."""
        groups = await self._groups.list_(GROUP_PREFIX)
        recorded = set(await self._list_ids())
        for group in groups:
            if group.name.removeprefix(GROUP_PREFIX) not in recorded and await group.kill(STOP_GRACE):
                await group.remove()

    async def _list_ids(self) -> list[VolumeId]:
        directory = self._state / "run" / "servers"
        return [VolumeId(path.name) for path in await asyncio.to_thread(lambda: sorted(directory.glob("[!.]*")))]

    def _judge(self, limits: Limits, lease: VolumeLease) -> tuple[Enforcement, ...]:
        backend = self._capabilities.storage_backend
        by_resource = {found.resource: found for found in self._capabilities.as_list()}
        if lease.volume.backend != backend and lease.volume.backend == "directory":
            by_resource["storage"] = Enforcement(
                resource="storage",
                enforced=False,
                method="none",
                reason="Storage is a plain directory, measured but not limited, because the server was made that way.",
            )
        unlimited = {name for name in ("cpu", "memory", "pids") if getattr(limits, name) is None}
        return tuple(found for found in by_resource.values() if found.resource not in unlimited)
