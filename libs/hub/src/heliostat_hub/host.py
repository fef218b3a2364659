"""The parts of the plugin, put together once per hub."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from heliostat_core.clients import PolicyClient, create_peer_http_client
from heliostat_runtime import (
    ContentStore,
    EnvironmentStore,
    HostCapabilities,
    Servers,
    VolumeStore,
    probe_host,
)

from .admission import AdmissionDesk
from .config import HubConfig
from .deletion import Deletions
from .gate import AdmissionGate
from .granted import VolumeGrants

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProcessHost:
    """What spawners, hooks and the background work of one hub share."""

    config: HubConfig
    capabilities: HostCapabilities
    volumes: VolumeStore
    environments: EnvironmentStore
    contents: ContentStore
    servers: Servers
    deletions: Deletions
    grants: VolumeGrants
    desk: AdmissionDesk
    gate: AdmissionGate

    @classmethod
    def open(cls, config: HubConfig) -> Self:
        """Probe this host and build everything; blocks for well under a second, before the hub serves anybody."""
        state = config.state_directory
        state.mkdir(mode=0o711, parents=True, exist_ok=True)
        capabilities = _run_in_thread(probe_host(state))
        volumes = VolumeStore(state, capabilities)
        environments = EnvironmentStore(state)
        contents = ContentStore(state)
        deletions = Deletions(directory=state / "hub" / "deletions", volumes=volumes)
        grants = VolumeGrants(
            key=config.grant_key, volumes=volumes, environments=environments, contents=contents, deletions=deletions
        )
        client = create_peer_http_client(base_url=str(config.policy_url), token=config.policy_token)
        unenforced = tuple(found.resource for found in capabilities.as_list() if not found.enforced)
        desk = AdmissionDesk(policy=PolicyClient(service="policy", client=client), unenforced=unenforced)
        return cls(
            config=config,
            capabilities=capabilities,
            volumes=volumes,
            environments=environments,
            contents=contents,
            servers=Servers(state, capabilities, volumes),
            deletions=deletions,
            grants=grants,
            desk=desk,
            gate=AdmissionGate(desk=desk, grants=grants, deletions=deletions),
        )


def _run_in_thread(work: Coroutine[Any, Any, T]) -> T:
    # The hub reads its configuration inside its running loop, where another cannot run.
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()
