"""Control groups of both versions, on a directory tree that looks like the kernel's."""

from pathlib import Path

import pytest
from heliostat_runtime import ControlGroups, Limits
from heliostat_runtime.cgroup_hierarchy import Hierarchy, find_hierarchy, parse_mounts

SEPARATE = (
    "30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "31 25 0:27 / /sys/fs/cgroup/with\\040blank rw - cgroup cgroup rw,memory\n"
    "22 1 0:20 / /proc rw - proc proc rw\n"
)
LIMITS = Limits(cpu=1.5, memory=2 * 10**9, pids=100)


@pytest.fixture
def unified(tmp_path: Path):
    """A version 2 host whose own group, /user/app, is delegated."""
    mount = tmp_path / "cgroup"
    own = mount / "user" / "app"
    own.mkdir(parents=True)
    for directory in (own, own / "heliostat", own / "heliostat" / "i"):
        directory.mkdir(exist_ok=True)
        (directory / "cgroup.controllers").write_text("cpu io memory pids")
        (directory / "cgroup.subtree_control").touch()
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / "mountinfo").write_text(f"30 25 0:26 / {mount} rw - cgroup2 cgroup rw\n")
    (proc / "cgroup").write_text("0::/user/app\n")
    return proc, own / "heliostat"


def test_mounts_are_read_with_their_controllers():
    first, second = parse_mounts(SEPARATE)
    assert {"cpu", "cpuacct"} <= first.controllers
    assert (str(second.point), second.kind) == ("/sys/fs/cgroup/with blank", "cgroup")


def test_a_delegated_group_is_found_and_its_controllers_are_passed_on(unified):
    proc, parent = unified
    found = find_hierarchy(proc=proc)
    assert found == Hierarchy(2, dict.fromkeys(("cpu", "memory", "pids"), parent))
    assert (parent / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"


def test_a_host_without_writable_groups_has_none(unified):
    proc, parent = unified
    (parent.parent / "cgroup.controllers").write_text("cpu")
    assert find_hierarchy(proc=proc) == Hierarchy(None, {})


async def test_version_2_limits_and_usage(unified):
    proc, parent = unified
    directory = parent / "i" / "server-1"
    directory.mkdir()
    for name in ("cpu.max", "memory.max", "memory.swap.max", "pids.max", "cgroup.procs"):
        (directory / name).touch()
    groups = ControlGroups(find_hierarchy(proc=proc), "i")
    group = await groups.create("server-1", LIMITS)
    assert group.procs_files == (directory / "cgroup.procs",)
    read = {name: (directory / name).read_text() for name in ("cpu.max", "memory.max", "memory.swap.max", "pids.max")}
    assert read == {"cpu.max": "150000 100000", "memory.max": "2000000000", "memory.swap.max": "0", "pids.max": "100"}
    (directory / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")
    (directory / "memory.current").write_text("77\n")
    (directory / "memory.events").write_text("oom 1\noom_kill 3\n")
    usage = await group.read_usage()
    assert (usage.cpu, usage.memory, usage.oom_kills) == (2.5, 77, 3)
    assert [found.name for found in await groups.list_("server-")] == ["server-1"]


async def test_version_1_limits_are_written_where_each_controller_is(tmp_path: Path):
    directories = {name: tmp_path / name for name in ("cpu", "cpuacct", "memory", "pids")}
    group = ControlGroups(Hierarchy(1, directories), "i").find("x")
    for directory in group.directories.values():
        directory.mkdir(parents=True)
    names = ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us", "memory/memory.limit_in_bytes", "pids/pids.max")
    files = [tmp_path / name.replace("/", "/i/x/") for name in names]
    for file in files:
        file.touch()
    group.apply(LIMITS)
    assert [file.read_text() for file in files] == ["150000", "100000", "2000000000", "100"]


async def test_without_control_groups_everything_is_a_shell():
    group = await ControlGroups(Hierarchy(None, {}), "i").create("x", LIMITS)
    assert group.procs_files == ()
    assert (await group.read_usage()).cpu is None
    assert await group.remove()


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden"])
def test_names_cannot_leave_the_instance(name):
    with pytest.raises(ValueError, match="not a name"):
        ControlGroups(Hierarchy(None, {}), "i").find(name)
