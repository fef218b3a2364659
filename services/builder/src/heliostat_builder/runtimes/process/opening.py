"""Putting the process runtime together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from heliostat_runtime import ContentStore, ControlGroups, EnvironmentStore, instance_name, probe_host

from ...domain.plans import Host
from ...storage.workplaces import WorkplaceStorage
from ..needs import Needs
from .construction import ConstructionService
from .interpreters import find_uv, list_interpreters
from .runtime import Places, ProcessRuntime
from .sandboxes import BuildLimits, BuildSandboxes
from .stores import Stores


@asynccontextmanager
async def open_process_runtime(needs: Needs) -> AsyncIterator[ProcessRuntime]:
    """Look at the host, and make the runtime that fits it."""
    config = needs.config
    state = config.state_directory
    capabilities = await probe_host(state)
    interpreters = await list_interpreters(config.python_interpreters)
    groups = ControlGroups.open(capabilities, instance_name(state))
    host = Host(interpreters=interpreters, isolated=capabilities.isolation.enforced)
    places = Places(
        stores=Stores(environments=EnvironmentStore(state), contents=ContentStore(state)),
        workplaces=WorkplaceStorage(shared=state / "staging", own_uid=capabilities.own_uids),
        mirrors=needs.mirrors,
    )
    sandboxes = BuildSandboxes(
        capabilities=capabilities,
        groups=groups,
        limits=BuildLimits(
            memory=config.build_memory,
            processes=config.build_processes,
            silence=config.build_silence_deadline,
            free_space=config.minimum_free_space,
        ),
        shared=state / "staging",
        uv=find_uv(config.uv),
        environment=config.build_environment,
        readable=config.build_readable_paths,
    )
    construction = ConstructionService(
        sandboxes=sandboxes,
        mirrors=needs.mirrors,
        workplaces=places.workplaces,
        metrics=needs.metrics,
        compiles=config.build_compiles,
        isolated=host.isolated,
    )
    yield ProcessRuntime(construction=construction, sandboxes=sandboxes, places=places, groups=groups, host=host)
