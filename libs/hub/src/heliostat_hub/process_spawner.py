"""JupyterHub's spawner of the process runtime: one sandboxed JupyterLab per server, on a volume of its own."""

from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from heliostat_core.contracts.policy import AdmissionView
from heliostat_core.grants import Grant
from heliostat_runtime import ServerProcess, ServerSpec, Volume
from typing_extensions import override

from .plan import (
    build_binder_variables,
    build_command,
    build_limits,
    build_variables,
    describe_origin,
    describe_unenforced,
)
from .ports import find_free_port
from .process_host import ProcessHost
from .spawner import HeliostatSpawner

_GRACE = timedelta(seconds=8)  # JupyterLab ends within two seconds; the hub answers 202 after ten


class ProcessSpawner(HeliostatSpawner):
    """Starts, adopts, stops and deletes servers; what runs is on disk, so a hub that was killed finds it again."""

    host: ClassVar[ProcessHost]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._process: ServerProcess | None = None

    @override
    def clear_state(self) -> None:
        super().clear_state()
        self._process = None

    @override
    async def start_on(self, volume: Volume, grant: Grant | None, admission: AdmissionView) -> tuple[str, int]:
        await self._stop_leftover()
        self.port = find_free_port()
        self._process = await self.host.servers.start(await self._build_spec(volume, grant, admission))
        origin = describe_origin(grant)
        self._steps.add(60, f"Files of {origin} are in the home" if origin else "The home is ready")
        for sentence in describe_unenforced(self._process.enforcement):
            self._steps.add(60, sentence)
        self._steps.add(70, "JupyterLab is starting")
        await self._process.wait_until_listening(self.port, deadline=timedelta(seconds=self.start_timeout))
        return "127.0.0.1", self.port

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

    async def _stop_leftover(self) -> None:
        # A hub that was killed during a start does not know the server that went on starting.
        leftover = await self.host.servers.adopt(self.volume_id)
        if leftover is not None:
            await leftover.stop(grace=_GRACE)

    async def _build_spec(self, volume: Volume, grant: Grant | None, admission: AdmissionView) -> ServerSpec:
        host = self.host
        environment = host.base_environment
        start_script = None
        variables = build_variables(
            self.get_env(), activity_url=str(host.config.activity_url), temporary=grant is not None and grant.temporary
        )
        if grant is not None:
            variables |= build_binder_variables(grant, public_url=str(host.config.public_url))
            environment = host.environments.path(grant.environment_id)
            start_script = await self._find_start_script(grant)
        return ServerSpec(
            volume_id=volume.volume_id,
            environment=environment,
            base_environment=host.base_environment,
            command=build_command(host.base_environment, origins=grant.origins if grant else ()),
            contents=host.contents.path(grant.content_id) if grant and grant.content_id else None,
            start_script=start_script,
            environment_variables=variables,
            limits=build_limits(admission.rules),
        )

    async def _find_start_script(self, grant: Grant) -> Path | None:
        """Return the repository's ``start`` script, which the builder keeps in the environment; None without one."""
        manifest = await self.host.environments.read_manifest(grant.environment_id)
        name = manifest.get("start_script")
        return self.host.environments.path(grant.environment_id) / str(name) if name else None

    async def _find_server(self) -> ServerProcess | None:
        if self._process is None and self.volume_id:
            self._process = await self.host.servers.adopt(self.volume_id)
        return self._process


def bind_process_spawner(host: ProcessHost) -> type[ProcessSpawner]:
    """Build the spawner class of one hub."""
    return type("ProcessSpawner", (ProcessSpawner,), {"host": host})
