"""JupyterHub's spawner of the process runtime: one sandboxed JupyterLab per server, on a volume of its own."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, ClassVar

from heliostat_core.contracts.policy import AdmissionView
from heliostat_core.grants import Grant
from heliostat_runtime import RuntimeHostError, ServerProcess, ServerSpec, Volume, VolumeBusyError
from jupyterhub.spawner import Spawner
from tornado import web
from typing_extensions import override

from .errors import fail_on_host, refuse_while_deleted
from .host import ProcessHost
from .plan import (
    build_binder_variables,
    build_command,
    build_default_url,
    build_limits,
    build_variables,
    describe_admission,
    describe_origin,
    describe_unenforced,
)
from .ports import find_free_port
from .progress import Steps

_GRACE = timedelta(seconds=8)  # JupyterLab ends within two seconds; the hub answers 202 after ten


class ProcessSpawner(Spawner):  # type: ignore[misc]  # jupyterhub ships no types
    """Starts, adopts, stops and deletes servers; what runs is on disk, so a hub that was killed finds it again.

    User options are ignored, except a grant with a valid signature. ``host`` is set by `bind_spawner`.
    """

    host: ClassVar[ProcessHost]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.volume_id = ""
        self.admission: AdmissionView | None = None
        self._process: ServerProcess | None = None
        self._steps = Steps()

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.volume_id = state.get("volume_id", "")

    @override
    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        return {**state, "volume_id": self.volume_id} if self.volume_id else state

    @override
    def clear_state(self) -> None:
        super().clear_state()
        self.volume_id = ""
        self._process = None

    @override
    async def run_pre_spawn_hook(self) -> None:
        """Ask policy, as the last thing before the start."""
        self.admission = await self.host.gate.admit_start(self)
        self._steps.add(20, describe_admission(self.admission.rules, policy_version=self.admission.policy_version))

    @override
    async def start(self) -> tuple[str, int]:
        """Start the server and return once it accepts connections.

        Raises
        ------
        SpawnRefusedError
            What it needs is not here, or the host could not start it.
        """
        try:
            return await self._start()
        except RuntimeHostError as error:
            raise fail_on_host(error) from error
        finally:
            self._steps.close()

    @override
    async def stop(self, now: bool = False) -> None:
        server = await self._find_server()
        if server is not None:
            await server.stop(grace=timedelta(0) if now else _GRACE)
        self._process = None

    @override
    async def poll(self) -> int | None:
        """Return None while the server runs, else its exit code; of one that has ended nothing is left after this."""
        server = await self._find_server()
        if server is None:
            return 0
        if (await server.poll()).running:
            return None
        self._process = None
        ended = await server.stop(grace=timedelta(0))
        return 1 if ended.exit_code is None else ended.exit_code

    @override
    async def rename(self, old_name: str, new_name: str) -> None:
        """Admit a new name for a server without storage; with storage it keeps its name.

        Raises
        ------
        HTTPError
            409, or policy's refusal.
        """
        if await self.host.volumes.find(self.user.name, old_name) is not None:
            raise web.HTTPError(
                409,
                f"The server {old_name!r} has storage, which belongs to its name. "
                "Create a server with the new name and copy the files.",
            )
        await self.host.gate.admit_rename(self.user, new_name)

    @override
    async def delete_forever(self) -> None:
        """Delete the server's storage; it is finished later when it cannot be now."""
        await self.host.deletions.delete((self.user.name, self.name))

    @override
    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield each step of the start as it is done."""
        async for step in self._steps.watch():
            yield step

    async def _start(self) -> tuple[str, int]:
        host, admission = self.host, self.admission
        if admission is None:
            raise RuntimeError("a start must have been admitted")
        grant = await host.grants.choose(self.user.name, self.name, self.user_options)
        await host.grants.check(grant)
        volume = await self._ensure_volume(admission.rules.storage)
        self.volume_id = volume.volume_id
        if grant is not None:
            await host.grants.record(volume.volume_id, grant)
        self._steps.add(40, "Storage is ready")
        await self._stop_leftover()
        self.port = find_free_port()
        self.default_url = build_default_url(grant.path if grant else None)
        self.mem_limit, self.cpu_limit = admission.rules.memory, admission.rules.cpu
        self._process = await host.servers.start(await self._build_spec(volume, grant, admission))
        origin = describe_origin(grant)
        self._steps.add(60, f"Files of {origin} are in the home" if origin else "The home is ready")
        for sentence in describe_unenforced(self._process.enforcement):
            self._steps.add(60, sentence)
        self._steps.add(70, "JupyterLab is starting")
        await self._process.wait_until_listening(self.port, deadline=timedelta(seconds=self.start_timeout))
        return "127.0.0.1", self.port

    async def _ensure_volume(self, size: int) -> Volume:
        existing = await self.host.volumes.find(self.user.name, self.name)
        if existing is not None and await self.host.deletions.is_doomed(existing.volume_id):
            try:
                await self.host.deletions.delete((self.user.name, self.name))
            except VolumeBusyError as error:
                raise refuse_while_deleted(self.name) from error
        return await self.host.volumes.ensure(self.user.name, self.name, size)

    async def _stop_leftover(self) -> None:
        # A hub that was killed during a start does not know the server that went on starting.
        leftover = await self.host.servers.adopt(self.volume_id)
        if leftover is not None:
            await leftover.stop(grace=_GRACE)

    async def _build_spec(self, volume: Volume, grant: Grant | None, admission: AdmissionView) -> ServerSpec:
        config = self.host.config
        environment = config.base_environment
        start_script = None
        variables = build_variables(
            self.get_env(), activity_url=str(config.activity_url), temporary=grant is not None and grant.temporary
        )
        if grant is not None:
            variables |= build_binder_variables(grant, public_url=str(config.public_url))
            environment = self.host.environments.path(grant.environment_id)
            start_script = await self.host.grants.find_start_script(grant)
        return ServerSpec(
            volume_id=volume.volume_id,
            environment=environment,
            base_environment=config.base_environment,
            command=build_command(config.base_environment, origins=grant.origins if grant else ()),
            contents=self.host.contents.path(grant.content_id) if grant and grant.content_id else None,
            start_script=start_script,
            environment_variables=variables,
            limits=build_limits(admission.rules),
        )

    async def _find_server(self) -> ServerProcess | None:
        if self._process is None and self.volume_id:
            self._process = await self.host.servers.adopt(self.volume_id)
        return self._process


def bind_spawner(host: ProcessHost) -> type[ProcessSpawner]:
    """Build the spawner class of one hub; traitlets would copy the host if it were a configured value."""
    return type("ProcessSpawner", (ProcessSpawner,), {"host": host})
