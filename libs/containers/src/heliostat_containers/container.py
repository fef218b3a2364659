"""What a container is to us, in the engine's terms and in ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .moments import read_moment

__all__ = ["Container", "ContainerLimits", "ContainerSpec", "Finished", "Mount", "build_config", "build_container"]

PERIOD = 100_000  # microseconds, the kernel's own default


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """What a container may use: CPUs as a number, memory (without any swap) in bytes, processes and threads."""

    cpu: float | None = None
    memory: int | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory or file of the engine's host, a named volume, or memory, inside a container."""

    target: str
    source: str = ""
    kind: Literal["bind", "volume", "tmpfs"] = "bind"
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """What to create. No capability but the listed, no new privileges, no restart, never privileged.

    `network` is the name of one ("bridge", "none", ...); `device_rules` are cgroup rules such as `b 7:* rmw`.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    working_directory: str | None = None
    mounts: tuple[Mount, ...] = ()
    limits: ContainerLimits = ContainerLimits()
    network: str = "none"
    capabilities: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    device_rules: tuple[str, ...] = ()
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine has it. `image` is a digest; `exit_code` is None while it has not ended."""

    id: str
    name: str
    image: str
    labels: Mapping[str, str]
    state: str
    exit_code: int | None
    oom_killed: bool
    created_at: datetime | None

    @property
    def is_running(self) -> bool:
        """Whether its first process lives."""
        return self.state in {"running", "paused", "restarting"}


@dataclass(frozen=True, slots=True)
class Finished:
    """How a short container ended, and what it wrote."""

    status: int
    output: str


def build_config(spec: ContainerSpec) -> dict[str, Any]:
    """Build the body of the engine's `POST containers/create`."""
    limits = spec.limits
    host: dict[str, Any] = {
        "NetworkMode": spec.network,
        "CapDrop": ["ALL"],
        "CapAdd": list(spec.capabilities),
        "SecurityOpt": ["no-new-privileges"],
        "RestartPolicy": {"Name": "no"},
        "ReadonlyRootfs": spec.read_only,
        "Mounts": [_build_mount(mount) for mount in spec.mounts],
        "Devices": [{"PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "rwm"} for path in spec.devices],
        "DeviceCgroupRules": list(spec.device_rules),
    }
    if limits.cpu is not None:
        host |= {"CpuPeriod": PERIOD, "CpuQuota": round(limits.cpu * PERIOD)}
    if limits.memory is not None:
        host |= {"Memory": limits.memory, "MemorySwap": limits.memory}
    if limits.pids is not None:
        host["PidsLimit"] = limits.pids
    config: dict[str, Any] = {
        "Image": spec.image,
        "Cmd": list(spec.command) or None,
        "Env": [f"{key}={value}" for key, value in sorted(spec.environment.items())],
        "Labels": dict(spec.labels),
        "User": spec.user,
        "WorkingDir": spec.working_directory,
        "HostConfig": host,
    }
    if spec.entrypoint is not None:
        config["Entrypoint"] = list(spec.entrypoint)
    return {key: value for key, value in config.items() if value is not None}


def build_container(found: Mapping[str, Any]) -> Container:
    """Read the engine's answer to `GET containers/{id}/json`."""
    state = found["State"]
    has_ended = state["Status"] in {"exited", "dead"}
    return Container(
        id=found["Id"],
        name=found["Name"].removeprefix("/"),
        image=found["Image"],
        labels=found["Config"].get("Labels") or {},
        state=state["Status"],
        exit_code=state["ExitCode"] if has_ended else None,
        oom_killed=state["OOMKilled"],
        created_at=read_moment(found["Created"]),
    )


def _build_mount(mount: Mount) -> dict[str, Any]:
    built: dict[str, Any] = {"Type": mount.kind, "Target": mount.target, "ReadOnly": mount.read_only}
    if mount.source:
        built["Source"] = mount.source
    return built
