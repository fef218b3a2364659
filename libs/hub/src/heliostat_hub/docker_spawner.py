"""JupyterHub's spawner of the docker runtime: one limited container per server, on a volume of its own."""

import asyncio
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, ClassVar

import docker
from docker.errors import DockerException
from dockerspawner import DockerSpawner
from heliostat_containers import EngineError, EngineRefusedError, EngineUnavailableError, Image
from heliostat_containers.engine import DEFAULT_URL
from heliostat_containers.server_containers import build_container_name
from heliostat_core.contracts.policy import AdmissionView
from heliostat_core.grants import Grant
from heliostat_runtime import ServerStartError, Volume
from requests.exceptions import ConnectionError as ConnectionLostError
from requests.exceptions import Timeout
from traitlets import default
from typing_extensions import override

from .docker_enforcement import build_enforcement
from .docker_host import DockerHost
from .docker_plan import (
    HOME,
    PLATFORM,
    build_container_options,
    build_home_variables,
    build_host_options,
    build_platform_variables,
    build_server_command,
)
from .plan import build_binder_variables, build_variables, describe_origin, describe_unenforced
from .spawner import HeliostatSpawner

ACTIVITY = "/hub/api/heliostat/activity"
"""Where servers report activity: the hub is all of the platform that they can reach."""

_CALL = 60  # seconds
_THREADS = 4
_GRACE = 8  # seconds; JupyterLab ends within two, the hub answers 202 after ten
_PATIENCE = timedelta(seconds=10)
_POLL = timedelta(milliseconds=50)
_LONGEST_POLL = timedelta(milliseconds=500)
_PART = 1 / 16
"""Of the time waited so far, after which it is tried again: nobody waits longer by more than that, and what many
servers that start at once, and so slowly, cost the hub grows no faster than the logarithm of their time."""

_LOOK = timedelta(seconds=1)
_CONNECT = timedelta(seconds=1)


class HeliostatDockerSpawner(HeliostatSpawner, DockerSpawner):  # type: ignore[misc]  # dockerspawner ships no types
    """Starts, adopts, stops and deletes containers; what runs is in the engine, so a hub that was killed finds it.

    Of DockerSpawner it uses how containers are created, looked up and addressed. Its user options (``image``) are
    never read: images come from grants, by digest.
    """

    host: ClassVar[DockerHost]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.network_name = self.host.network
        self.remove = False  # ended containers are read before they are removed

    @default("object_name")
    def _object_name_default(self) -> str:
        return build_container_name(self.volume_id) if self.volume_id else ""

    @override
    async def start_on(self, volume: Volume, grant: Grant | None, admission: AdmissionView) -> tuple[str, int]:
        try:
            image = await self._prepare(volume, grant, admission)
            await self._run(volume)
        except DockerException as error:
            reason = getattr(error, "explanation", None) or str(error)
            status = getattr(error, "status_code", None) or 500
            raise EngineRefusedError(action="start the server", status=status, reason=str(reason)) from error
        origin = describe_origin(grant)
        self._steps.add(60, f"Files of {origin} are in the home" if origin else "The home is ready")
        for sentence in await self._describe_unenforced(volume):
            self._steps.add(60, sentence)
        self._steps.add(70, "JupyterLab is starting")
        self.log.info("started %s from %s", self.object_name, image.digest)
        return await self._wait_until_listening()

    @override
    async def stop(self, now: bool = False) -> None:
        if not self.volume_id:
            return
        try:
            await self.docker("stop", build_container_name(self.volume_id), timeout=0 if now else _GRACE)
        except docker.errors.NotFound:
            self.log.info("%s is gone", self.object_name)
        await self.host.remove_server(self.volume_id)
        self.object_id = ""

    @override
    async def poll(self) -> int | None:
        """Return None while the server runs, else its exit code; of one that has ended nothing is left after this."""
        if not self.volume_id:
            return 0
        container = await self.host.servers.find(self.volume_id)
        if container is not None and container.is_running:
            return None
        await self.host.remove_server(self.volume_id)
        return 0 if container is None or container.exit_code is None else container.exit_code

    @override
    async def docker(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call the engine in a thread.

        Raises
        ------
        EngineUnavailableError
            It does not answer.
        APIError
            It refuses; DockerSpawner reads these.
        """
        try:
            return await super().docker(method, *args, **kwargs)
        except (ConnectionLostError, Timeout) as error:
            raise EngineUnavailableError(reason=type(error).__name__) from error

    async def _prepare(self, volume: Volume, grant: Grant | None, admission: AdmissionView) -> Image:
        """Say in DockerSpawner's terms what is to be created."""
        host, config = self.host, self.host.config
        image = await host.images.read(grant.image) if grant and grant.image else host.default_image
        own = (await self.docker("inspect_image", image.digest))["Config"]
        labels: Mapping[str, str] = image.labels
        self.image = image.digest
        self.object_name = build_container_name(volume.volume_id)
        self.cmd = build_server_command(labels, origins=grant.origins if grant else ())
        extras = build_platform_variables(labels, _read_variables(own))
        self.environment = {
            **build_home_variables(),
            **extras,
            **build_variables(
                {}, activity_url=f"{config.hub_url}{ACTIVITY}", temporary=bool(grant and grant.temporary)
            ),
            **(build_binder_variables(grant, public_url=str(config.public_url)) if grant else {}),
        }
        self.read_only_volumes = {host.platform: PLATFORM} if extras and host.platform else {}
        self.extra_create_kwargs = build_container_options(host.servers.build_labels(volume.volume_id))
        self.extra_host_config = build_host_options(admission.rules, writable_image=config.writable_images)
        return image

    async def _run(self, volume: Volume) -> None:
        """Create the container, by which the engine fills the volume, record that, and only then start it."""
        volumes, volume_id = self.host.volumes, volume.volume_id
        async with volumes.lease(volume_id, patience=_PATIENCE) as lease:
            try:
                # A hub that was killed during a start does not know the server that went on starting.
                await self.host.servers.remove(volume_id)
                self.volumes = {await volumes.mount(lease): HOME}
                created = await self.create_object()
                self.object_id = created[self.object_id_key]
                if not lease.volume.populated:
                    await volumes.record(volume_id, populated=True)
                await self.start_object()
                await volumes.let_go(lease)
            except BaseException:
                await self._undo()
                await volumes.detach(lease)
                raise

    async def _undo(self) -> None:
        await self.host.servers.remove(self.volume_id)
        self.object_id = ""

    async def _describe_unenforced(self, volume: Volume) -> list[str]:
        limits = await self.host.servers.read_limits(volume.volume_id) or {}
        found = build_enforcement(self.host.enforcement, volume=volume, limits=limits)
        return describe_unenforced(found)

    async def _wait_until_listening(self) -> tuple[str, int]:
        """Wait for the first connection; a start that fails leaves no container.

        Raises
        ------
        ServerStartError
            The server ended, or nothing listened before the deadline.
        """
        try:
            address: tuple[str, int] = await self.get_ip_and_port()
            begun = asyncio.get_running_loop().time()
            async with asyncio.timeout(self.start_timeout):
                while not await _accepts_soon(*address, begun=begun):
                    await self._check_running()
        except BaseException as error:
            end = "" if isinstance(error, asyncio.CancelledError) else await self._read_log_end()
            await self.host.remove_server(self.volume_id)
            if isinstance(error, TimeoutError):
                waited = f"nothing listened after {self.start_timeout} s"
                raise ServerStartError(f"{waited} ({end})") from error
            raise
        return address

    async def _check_running(self) -> None:
        container = await self.host.servers.find(self.volume_id)
        if container is None or not container.is_running:
            code = "" if container is None else f" with code {container.exit_code}"
            raise ServerStartError(f"it ended{code} before it listened ({await self._read_log_end()})")

    async def _read_log_end(self) -> str:
        try:
            return await self.host.servers.read_log_end(self.volume_id) or "it printed nothing"
        except EngineError as error:
            return error.message


def bind_docker_spawner(host: DockerHost) -> type[HeliostatDockerSpawner]:
    """Build the spawner class of one hub, with the one client and the threads that all its spawners share.

    The client asks the engine for its version at once, which blocks: before the hub serves anybody.
    """
    url = host.config.engine_url or DEFAULT_URL
    return type(
        "HeliostatDockerSpawner",
        (HeliostatDockerSpawner,),
        {
            "host": host,
            "_client": docker.APIClient(base_url=url, version="auto", timeout=_CALL),
            "_executor": ThreadPoolExecutor(_THREADS, thread_name_prefix="engine"),
        },
    )


def _read_variables(config: Mapping[str, Any]) -> dict[str, str]:
    return dict(variable.partition("=")[::2] for variable in config.get("Env") or [])


async def _accepts_soon(ip: str, port: int, *, begun: float) -> bool:
    """Try for a second: to ask the engine each time as well would cost more CPU time than the container's start."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _LOOK.total_seconds()
    while not await _accepts(ip, port):
        now = loop.time()
        if now >= until:
            return False
        pause = max(_POLL.total_seconds(), (now - begun) * _PART)
        await asyncio.sleep(min(pause, _LONGEST_POLL.total_seconds()))
    return True


async def _accepts(ip: str, port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(0)
        try:
            async with asyncio.timeout(_CONNECT.total_seconds()):
                await asyncio.get_running_loop().sock_connect(connection, (ip, port))
        except (OSError, TimeoutError):
            return False
    return True
