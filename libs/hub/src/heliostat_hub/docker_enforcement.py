"""What an engine enforces for servers, said resource by resource."""

from collections.abc import Mapping, Sequence
from typing import Any

from heliostat_containers.networks import Network
from heliostat_core.contracts.model import Enforcement as EnforcementView
from heliostat_core.units import format_size
from heliostat_runtime import Enforcement, Volume
from heliostat_runtime.limits import Resource

_PERIOD = 100_000  # microseconds; the engine's default
_LIMITS: dict[Resource, tuple[tuple[str, ...], str]] = {
    "cpu": (("CpuCfsPeriod", "CpuCfsQuota"), "CPU time"),
    "memory": (("MemoryLimit", "SwapLimit"), "memory and swap"),
    "pids": (("PidsLimit",), "the number of processes"),
}


def judge_engine(facts: Mapping[str, Any]) -> tuple[Enforcement, ...]:
    """Judge isolation and limits by what the engine says of itself (``docker info``)."""
    method = f"container (cgroup v{facts.get('CgroupVersion') or 1})"
    found = [Enforcement(resource="isolation", enforced=True, method="container")]
    for resource, (abilities, noun) in _LIMITS.items():
        missing = [ability for ability in abilities if not facts.get(ability)]
        if missing:
            reason = f"The container engine cannot limit {noun} on this host ({', '.join(missing)} is off)."
            found.append(Enforcement(resource=resource, enforced=False, method="none", reason=reason))
        else:
            found.append(Enforcement(resource=resource, enforced=True, method=method))
    return tuple(found)


def judge_storage(*, obstacle: str | None, writable_images: bool) -> Enforcement:
    """Judge storage; ``obstacle``: why there are no loop devices."""
    if obstacle is not None:
        reason = f"Storage is a volume of the engine, measured but not limited, because {obstacle}."
    elif writable_images:
        reason = "Servers may write to the directories of their image, which no limit counts (writable_images)."
    else:
        return Enforcement(resource="storage", enforced=True, method="ext4 image")
    return Enforcement(resource="storage", enforced=False, method="none", reason=reason)


def judge_network(network: Network, *, blocked: bool) -> Enforcement:
    """Judge the network; ``blocked``: metadata addresses were tried, and a rule refused."""
    gaps = [
        *([] if network.separates else ["servers reach one another (enable_icc is not false)"]),
        *([] if blocked else ["no rule keeps servers from the addresses where clouds hand out credentials"]),
        *([f"the network {network.name} has IPv6, which no rule of ours covers"] if network.ipv6 else []),
    ]
    if not gaps:
        return Enforcement(resource="network", enforced=True, method="bridge without links, iptables")
    return Enforcement(resource="network", enforced=False, method="none", reason=f"{'; '.join(gaps).capitalize()}.")


def build_enforcement(
    found: Sequence[Enforcement], *, volume: Volume, limits: Mapping[str, Any]
) -> list[EnforcementView]:
    """Say what is enforced for one server, with its limits.

    Parameters
    ----------
    limits
        The container's, as the engine has them (``HostConfig``).
    """
    memory, pids, quota = limits.get("Memory"), limits.get("PidsLimit"), limits.get("CpuQuota")
    texts: dict[Resource, str | None] = {
        "cpu": f"{quota / (limits.get('CpuPeriod') or _PERIOD):g}" if quota else None,
        "memory": format_size(memory) if memory else None,
        "pids": str(pids) if pids else None,
        "storage": format_size(volume.size),
    }
    own = [_of_volume(item, volume) for item in found]
    return [
        EnforcementView(
            resource=item.resource,
            limit=texts.get(item.resource),
            enforced=item.enforced,
            method=item.method,
            reason=item.reason,
        )
        for item in own
    ]


def _of_volume(item: Enforcement, volume: Volume) -> Enforcement:
    if item.resource != "storage" or not item.enforced or volume.backend == "loop-ext4":
        return item
    reason = "Storage is a volume of the engine, measured but not limited, because the server was made that way."
    return Enforcement(resource="storage", enforced=False, method="none", reason=reason)
