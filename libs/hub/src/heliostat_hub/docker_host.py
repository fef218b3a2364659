"""The host of the docker runtime: servers are containers of one engine, each on a volume of its own."""

import asyncio
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

import httpx
import structlog
from heliostat_containers import (
    Containers,
    Engine,
    EngineError,
    EngineTimeoutError,
    EngineUnavailableError,
    Image,
    Images,
    Mount,
)
from heliostat_containers.firewall import has_rules
from heliostat_containers.loop_devices import HelperLoopDevices, LoopDevices, OwnLoopDevices
from heliostat_containers.networks import Networks
from heliostat_containers.server_containers import ServerContainers
from heliostat_containers.volumes import ServerVolumes
from heliostat_core.contracts.model import Enforcement as EnforcementView
from heliostat_core.grants import Grant
from heliostat_runtime import Enforcement, RuntimeHostError, VolumeId, VolumeMissingError, instance_name
from heliostat_runtime.ext4_image import create_image
from typing_extensions import override

from .config import HubConfig
from .docker_enforcement import build_enforcement, judge_engine, judge_network, judge_storage
from .docker_plan import BASE_LABEL, COLLABORATION_LABEL, PLATFORM
from .host import Host
from .process_host import run_in_thread

_ENGINE_DEADLINE = timedelta(seconds=60)  # an engine that starts with the host, as the hub does
_RETRY = timedelta(seconds=1)
_LEASE_PATIENCE = timedelta(seconds=5)
_TRIAL_SIZE = 4 * 2**20  # bytes; the smallest ext4 with a journal
_RELAY_DEADLINE = timedelta(seconds=10)

LoopAccess = Literal["own", "helper"]


@dataclass(frozen=True, slots=True)
class DockerFacts:
    """What was found out about engine and host before the hub serves anybody.

    Attributes
    ----------
    image
        The default image.
    platform
        The engine's volume with what images that are not ours lack; None when the default image has none of it.
    loops
        Who attaches loop devices; None: they cannot be had.
    """

    image: Image
    platform: str | None
    loops: LoopAccess | None
    enforcement: tuple[Enforcement, ...]


class DockerHost(Host):
    """Servers as containers; volumes are in the ledger on this hub's disk, whatever the engine has of them."""

    volumes: ServerVolumes

    def __init__(self, config: HubConfig, facts: DockerFacts) -> None:
        if config.network is None:
            raise ValueError("the docker runtime has a network")
        self.network = config.network
        self.default_image = facts.image
        self.platform = facts.platform
        self.instance = name_instance(config)
        self.engine = Engine(config.engine_url)
        self.containers = Containers(self.engine)
        self.images = Images(self.engine)
        self.servers = ServerContainers(self.engine, instance=self.instance)
        self.relay = httpx.AsyncClient(timeout=_RELAY_DEADLINE.total_seconds(), trust_env=False)
        loops = _open_loops(facts.loops, config, self.servers, self.containers, facts.image) if facts.loops else None
        self._log = structlog.get_logger()
        volumes = ServerVolumes(
            config.state_directory / "containers", engine=self.engine, instance=self.instance, loops=loops
        )
        super().__init__(config, volumes=volumes, enforcement=facts.enforcement)

    @classmethod
    def open(cls, config: HubConfig) -> Self:
        """Wait for the engine, try what this host can do and build everything, before the hub serves anybody.

        Raises
        ------
        EngineError
            The engine does not answer, or lacks the default image or the network.
        """
        config.state_directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        return cls(config, run_in_thread(_find_facts(config)))

    @property
    @override
    def has_collaboration(self) -> bool:
        return self.default_image.labels.get(COLLABORATION_LABEL) == "true"

    @override
    async def is_present(self, grant: Grant, *, populated: bool) -> bool:
        return grant.image is not None and await self.images.find(grant.image) is not None

    async def read_enforcement(self, volume_id: str) -> list[EnforcementView]:
        """Say what is enforced for the server that runs on a volume; empty when none does.

        Raises
        ------
        EngineError, VolumeMissingError
        """
        volume = await self.volumes.read(volume_id)
        limits = await self.servers.read_limits(volume.volume_id)
        return [] if limits is None else build_enforcement(self.enforcement, volume=volume, limits=limits)

    async def remove_server(self, volume_id: str) -> None:
        """Remove a server's container, and let go of its volume as soon as the engine has."""
        await self.servers.remove(volume_id)
        try:
            async with self.volumes.lease(volume_id, patience=_LEASE_PATIENCE) as lease:
                await self.volumes.detach(lease)
        except VolumeMissingError:
            return  # deleted meanwhile

    @override
    async def reconcile(self, read_claimed: Callable[[], set[VolumeId]]) -> None:
        found = await self.servers.list_()
        claimed = read_claimed()  # after the list: who starts a server claims its volume before it has a container
        for volume_id in sorted(found - claimed):
            self._log.warning("a container belongs to no server", volume=volume_id)
            try:
                await self.servers.remove(volume_id)
            except EngineError as error:
                self._log.warning("a container cannot be removed", volume=volume_id, error=error.message)
        await self.servers.remove_old_helpers()
        await self.deletions.finish()
        await self.volumes.reconcile()

    @override
    async def close(self) -> None:
        await self.relay.aclose()
        await self.engine.close()


def name_instance(config: HubConfig) -> str:
    """Name the instance in the labels of what it makes in the engine."""
    return config.instance or instance_name(config.state_directory)


async def _find_facts(config: HubConfig) -> DockerFacts:
    async with Engine.open(config.engine_url) as engine:
        await _wait_for_engine(engine)
        servers = ServerContainers(engine, instance=name_instance(config))
        await servers.remove_helpers()  # of a hub that was killed: there is one at a time
        containers = Containers(engine)
        network = await Networks(engine).read(config.network or "")
        image = await Images(engine).read(config.default_image or "")
        loops, obstacle = await _try_loops(config, servers, containers, image)
        blocked = await has_rules(containers, network, image=image.digest, labels=servers.helper_labels)
        platform = await servers.fill_platform(image=image.digest, path=PLATFORM) if _has_platform(image) else None
        async with engine.call("say what it is") as docker:
            abilities: dict[str, Any] = dict(await docker.system.info())
    enforcement = (
        *judge_engine(abilities),
        judge_storage(obstacle=obstacle, writable_images=config.writable_images),
        judge_network(network, blocked=blocked),
    )
    return DockerFacts(image=image, platform=platform, loops=loops, enforcement=enforcement)


def _has_platform(image: Image) -> bool:
    return bool(image.labels.get(BASE_LABEL))


async def _wait_for_engine(engine: Engine) -> None:
    until = asyncio.get_running_loop().time() + _ENGINE_DEADLINE.total_seconds()
    while True:
        try:
            await engine.ping()
        except (EngineUnavailableError, EngineTimeoutError):
            if asyncio.get_running_loop().time() >= until:
                raise
            await asyncio.sleep(_RETRY.total_seconds())
        else:
            return


async def _try_loops(
    config: HubConfig, servers: ServerContainers, containers: Containers, image: Image
) -> tuple[LoopAccess | None, str | None]:
    access: LoopAccess = "own" if os.getuid() == 0 else "helper"
    loops = _open_loops(access, config, servers, containers, image)
    with tempfile.TemporaryDirectory(dir=config.state_directory, prefix="trial-") as directory:
        file = Path(directory, "image.ext4")
        try:
            await create_image(file, size=_TRIAL_SIZE, owner=os.getuid())
            await loops.attach(file)
            await loops.let_go(file)
        except (RuntimeHostError, EngineError) as error:
            return None, f"no loop device can be attached here: {error.message}".rstrip(".")
    return access, None


def _open_loops(
    access: LoopAccess, config: HubConfig, servers: ServerContainers, containers: Containers, image: Image
) -> LoopDevices:
    if access == "own":
        return OwnLoopDevices()
    state = str(config.state_directory)
    source = config.state_mount or state
    mount = Mount(source=source, target=state, kind="bind" if source.startswith("/") else "volume")
    return HelperLoopDevices(
        containers,
        name=f"heliostat-loops-{name_instance(config)}",
        image=image.digest,
        mount=mount,
        labels=servers.lasting_helper_labels,
    )
