"""What an engine cannot enforce is said, with the reason."""

from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

import pytest
from heliostat_containers.networks import Network
from heliostat_hub.docker_enforcement import build_enforcement, judge_engine, judge_network, judge_storage
from heliostat_runtime import Owner, Volume, VolumeId

ABLE = dict.fromkeys(("CpuCfsPeriod", "CpuCfsQuota", "MemoryLimit", "SwapLimit", "PidsLimit"), True) | {
    "CgroupVersion": "2"
}


def build_network(**changes: Any) -> Network:
    facts: dict[str, Any] = {"name": "n", "bridge": "b", "gateway": IPv4Address("172.30.0.1")}
    return Network(**{**facts, "separates": True, "ipv6": False, **changes})


def test_an_able_engine_enforces_everything() -> None:
    assert all(found.enforced for found in judge_engine(ABLE))
    assert {found.method for found in judge_engine(ABLE)} == {"container", "container (cgroup v2)"}


def test_an_engine_without_limits_says_which_are_missing() -> None:
    found = {item.resource: item for item in judge_engine({**ABLE, "SwapLimit": False, "PidsLimit": None})}
    assert not found["memory"].enforced
    assert "SwapLimit" in (found["memory"].reason or "")
    assert not found["pids"].enforced
    assert found["cpu"].enforced


@pytest.mark.parametrize(
    ("network", "blocked", "named"),
    [
        (build_network(separates=False), True, "enable_icc"),
        (build_network(), False, "credentials"),
        (build_network(ipv6=True), True, "IPv6"),
    ],
)
def test_a_gap_of_the_network_is_named(network: Network, *, blocked: bool, named: str) -> None:
    judged = judge_network(network, blocked=blocked)
    assert not judged.enforced
    assert named.lower() in (judged.reason or "").lower()


def test_a_network_without_gaps_is_enforced() -> None:
    assert judge_network(build_network(), blocked=True).enforced


def test_storage_is_limited_only_where_nothing_else_can_be_written() -> None:
    assert judge_storage(obstacle=None, writable_images=False).enforced
    assert "writable_images" in (judge_storage(obstacle=None, writable_images=True).reason or "")
    assert "no root" in (judge_storage(obstacle="there is no root", writable_images=False).reason or "")


def test_a_server_made_without_a_limit_has_none_later() -> None:
    volume = Volume(
        volume_id=VolumeId("0" * 32),
        owner=Owner(user="lyra", server_name="s"),
        size=2**31,
        uid=1000,
        backend="engine-volume",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    found = (*judge_engine(ABLE), judge_storage(obstacle=None, writable_images=False))
    limits = {"Memory": 2 * 10**9, "CpuQuota": 150_000, "CpuPeriod": 100_000, "PidsLimit": 4096}
    said = {item.resource: item for item in build_enforcement(found, volume=volume, limits=limits)}
    assert not said["storage"].enforced
    assert said["storage"].limit == "2GiB"
    assert said["cpu"].limit == "1.5"
    limited = volume.model_copy(update={"backend": "loop-ext4"})
    assert all(item.enforced for item in build_enforcement(found, volume=limited, limits=limits))
