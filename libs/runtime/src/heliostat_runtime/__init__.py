"""The `process` runtime: everything that touches a host for servers and sandboxed builds.

Every `async` function leaves the event loop free (threads or child processes do the work). `state` is the state
directory of the instance; sizes are bytes; errors are :class:`RuntimeHostError` (`code`, `message`, `remedy`).

Host::

    capabilities = await probe_host(state)            # once per process; HostCapabilities
    capabilities.isolation | .cpu | .memory | .pids | .storage   # Enforcement(resource, enforced, method, reason)
    capabilities.as_list() -> tuple[Enforcement, ...]

Sandboxed commands (builds)::

    spec = SandboxSpec(read_only=(Bind(src, dst),), writable=(Bind(...),), environment={...}, working_directory=...,
                       identity=BUILD_IDENTITY if root else None, ...)
    sandbox = Sandbox(capabilities)
    process = await sandbox.start(spec, argv, group=ControlGroup | None)   # asyncio Process, stdout+stderr in one pipe
    prefixes = interpreter_prefixes(environment)      # what else must be bound for an environment's python to run

Limits::

    groups = ControlGroups.open(capabilities, instance_name(state))
    group = await groups.create(name, Limits(cpu=1.0, memory=2 * 10**9, pids=512))
    await group.read_usage() -> Usage(cpu, memory, oom_kills); await group.kill(deadline); await group.remove()
    await groups.list_(prefix) -> tuple[ControlGroup, ...]        # leftovers too

Volumes::

    volumes = VolumeStore(state, capabilities)
    volume = await volumes.ensure(user, server_name, size)        # Volume; idempotent, safe between processes
    await volumes.find(user, server_name) -> Volume | None; await volumes.read(volume_id) -> Volume
    await volumes.list_() -> tuple[Volume, ...]
    await volumes.record(volume_id, grant={...}, populated=True) -> Volume
    await volumes.measure(volume_id) -> Measurement(used, limit, method)
    await volumes.delete(volume_id)                   # VolumeBusyError while a server runs on it; absent is success
    await volumes.reconcile()
    async with volumes.lease(volume_id) as lease:     # exclusive; VolumeBusyError
        home = await volumes.attach(lease); await volumes.detach(lease)

Environments and content archives::

    environments = EnvironmentStore(state)
    environments.path(environment_id) -> Path; await environments.exists(environment_id) -> bool
    staging = await environments.staging(environment_id) -> Path
    path = await environments.publish(staging, environment_id, manifest) -> Path
    await environments.discard(staging)               # a build that failed
    await environments.read_manifest(environment_id) -> dict; await environments.list_() -> tuple[str, ...]
    await environments.retire(environment_id); await environments.reconcile()
    contents = ContentStore(state)
    await contents.ensure(content_id, checkout) -> Path; contents.path(content_id) -> Path
    await contents.exists(content_id) -> bool; await contents.delete(content_id); await contents.reconcile()

Servers::

    servers = Servers(state, capabilities, volumes)
    await servers.preload(base_environment, module)   # from then on servers of that module are forked; may be repeated
    server = await servers.start(ServerSpec(volume_id=..., environment=..., base_environment=..., command=(...), ...))
    await server.wait_until_listening(port, deadline=timedelta(seconds=30))
    await server.poll() -> ServerStatus(running, exit_code); await server.stop(grace=timedelta(seconds=10))
    server.enforcement -> tuple[Enforcement, ...]; await server.read_usage() -> Usage | None
    server = await servers.adopt(volume_id)           # after a restart of the hub; None when nothing runs
    await servers.list_() -> tuple[ServerRecord, ...]
    await servers.reconcile(known_volume_ids)         # kills what nobody claims, cleans up what has ended
    await servers.close()                             # ends the fork server; servers go on
"""

from .capabilities import HostCapabilities
from .cgroups import ControlGroup, ControlGroups
from .contents import ContentStore
from .environments import EnvironmentStore
from .errors import (
    ArchiveError,
    EnvironmentMissingError,
    HostCommandError,
    RuntimeHostError,
    ServerStartError,
    ServerStopError,
    UidsExhaustedError,
    VolumeBusyError,
    VolumeMissingError,
)
from .host import instance_name, probe_host
from .interpreters import interpreter_binds, interpreter_prefixes
from .launch import Sandbox
from .limits import Enforcement, Limits, Usage
from .sandbox_spec import BUILD_IDENTITY, Bind, DataFile, Identity, SandboxSpec
from .server import ServerProcess, ServerStatus
from .server_plan import ServerSpec
from .server_run import ServerRecord
from .servers import Servers
from .volume import Measurement, Owner, Volume, VolumeId, VolumeLease
from .volumes import VolumeStore

__all__ = [
    "BUILD_IDENTITY",
    "ArchiveError",
    "Bind",
    "ContentStore",
    "ControlGroup",
    "ControlGroups",
    "DataFile",
    "Enforcement",
    "EnvironmentMissingError",
    "EnvironmentStore",
    "HostCapabilities",
    "HostCommandError",
    "Identity",
    "Limits",
    "Measurement",
    "Owner",
    "RuntimeHostError",
    "Sandbox",
    "SandboxSpec",
    "ServerProcess",
    "ServerRecord",
    "ServerSpec",
    "ServerStartError",
    "ServerStatus",
    "ServerStopError",
    "Servers",
    "UidsExhaustedError",
    "Usage",
    "Volume",
    "VolumeBusyError",
    "VolumeId",
    "VolumeLease",
    "VolumeMissingError",
    "VolumeStore",
    "instance_name",
    "interpreter_binds",
    "interpreter_prefixes",
    "probe_host",
]
