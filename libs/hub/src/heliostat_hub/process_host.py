"""The host of the process runtime."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

from heliostat_core.grants import Grant
from heliostat_runtime import (
    ContentStore,
    EnvironmentStore,
    HostCapabilities,
    Servers,
    VolumeId,
    VolumeStore,
    probe_host,
)
from typing_extensions import override

from .config import HubConfig
from .host import Host
from .pages import has_collaboration
from .plan import SERVER_MODULE

T = TypeVar("T")


class ProcessHost(Host):
    """Servers as processes of this host, with the environments and files that are on it."""

    def __init__(self, config: HubConfig, capabilities: HostCapabilities) -> None:
        state = config.state_directory
        if config.base_environment is None:
            raise ValueError("the process runtime has a base environment")
        self.base_environment = config.base_environment
        self.environments = EnvironmentStore(state)
        self.contents = ContentStore(state)
        volumes = VolumeStore(state, capabilities)
        self.servers = Servers(state, capabilities, volumes)
        super().__init__(config, volumes=volumes, enforcement=capabilities.as_list())

    @classmethod
    def open(cls, config: HubConfig) -> Self:
        """Probe this host and build everything; blocks for well under a second, before the hub serves anybody."""
        config.state_directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        return cls(config, run_in_thread(probe_host(config.state_directory)))

    @property
    @override
    def has_collaboration(self) -> bool:
        return has_collaboration(self.base_environment)

    @override
    async def is_present(self, grant: Grant, *, populated: bool) -> bool:
        if not await self.environments.exists(grant.environment_id):
            return False
        return grant.content_id is None or populated or await self.contents.exists(grant.content_id)

    @override
    async def reconcile(self, read_claimed: Callable[[], set[VolumeId]]) -> None:
        if self.config.fork_servers:
            await self.servers.preload(self.base_environment, SERVER_MODULE)
        await self.servers.reconcile(read_claimed())
        await self.deletions.finish()
        await self.volumes.reconcile()

    @override
    async def close(self) -> None:
        await self.servers.close()


def run_in_thread(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; the hub reads its configuration inside its running loop, where another cannot run."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()
