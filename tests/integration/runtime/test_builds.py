"""Sandboxed builds and the environment store."""

import asyncio
import os
from datetime import timedelta

import pytest
from heliostat_runtime import (
    BUILD_IDENTITY,
    Bind,
    ControlGroups,
    EnvironmentMissingError,
    EnvironmentStore,
    Limits,
    Sandbox,
    SandboxSpec,
    instance_name,
    interpreter_binds,
)


@pytest.fixture
def environments(state) -> EnvironmentStore:
    return EnvironmentStore(state)


async def test_a_build_writes_its_staging_directory_only(environments, capabilities, environment, require):
    require(capabilities.isolation)
    staging = await environments.staging("e1")
    if os.getuid() == 0:
        os.chown(staging, BUILD_IDENTITY.uid, BUILD_IDENTITY.gid)
    spec = SandboxSpec(
        read_only=(Bind(source=environment, destination=environment), *interpreter_binds(environment)),
        writable=(Bind(source=staging, destination=staging),),
        environment={"PATH": "/usr/bin:/bin", "HOME": "/tmp"},
        working_directory=staging,
        identity=BUILD_IDENTITY,
        die_with_parent=True,
    )
    program = "import os; open('made', 'w'); print(os.getcwd(), flush=True); open('/usr/made', 'w')"
    process = await Sandbox(capabilities).start(spec, [str(environment / "bin/python"), "-c", program])
    output, _ = await process.communicate()
    assert process.returncode == 1
    assert output.decode().startswith(f"{staging}\n")
    assert "Read-only file system" in output.decode()
    assert (staging / "made").exists()


async def test_killing_a_build_kills_all_of_it(capabilities, state, require):
    require(capabilities.isolation)
    groups = ControlGroups.open(capabilities, instance_name(state))
    group = await groups.create("build-1", Limits(pids=64))
    assert [found.name for found in await groups.list_("build-")] == (["build-1"] if group.directories else [])
    spec = SandboxSpec(
        environment={"PATH": "/usr/bin"}, working_directory="/", identity=BUILD_IDENTITY, die_with_parent=True
    )
    command = ["/bin/sh", "-c", "setsid sleep 1000 & sleep 1000 & echo up; wait"]
    process = await Sandbox(capabilities).start(spec, command, group=group)
    assert await process.stdout.readline() == b"up\n"
    process.kill()
    async with asyncio.timeout(5):
        await process.communicate()
    assert await group.kill(timedelta(seconds=5))
    assert await group.remove()
    assert await groups.list_() == ()


async def test_publishing_is_one_step_and_the_first_wins(environments):
    first, second = [await environments.staging("e1") for _ in range(2)]
    (first / "which").write_text("first")
    (second / "which").write_text("second")
    assert not await environments.exists("e1")
    published = [await environments.publish(path, "e1", {"lock": path.name}) for path in (first, second)]
    assert published == [environments.path("e1")] * 2
    assert (published[0] / "which").read_text() == "first"
    assert (await environments.read_manifest("e1"))["lock"] == first.name
    assert await environments.list_() == ("e1",)
    assert list(first.parent.iterdir()) == []


async def test_retiring_removes_an_environment(environments):
    await environments.publish(await environments.staging("e1"), "e1", {})
    await environments.retire("e1")
    await environments.retire("e1")
    assert await environments.list_() == ()
    with pytest.raises(EnvironmentMissingError):
        await environments.read_manifest("e1")


async def test_staging_of_dead_builders_is_removed(environments):
    mine, theirs = [await environments.staging(name) for name in ("mine", "theirs")]
    owner = theirs.with_name(f"{theirs.name}.owner.json")
    owner.write_text(owner.read_text().replace('"start_time": ', '"start_time": 1'))
    await environments.reconcile()
    assert mine.exists()
    assert not theirs.exists()
    assert not owner.exists()


async def test_root_must_name_whom_a_sandbox_runs_as(capabilities):
    if os.getuid() != 0:
        pytest.skip("needs root: others can only be themselves")
    with pytest.raises(ValueError, match="identity"):
        await Sandbox(capabilities).start(SandboxSpec(), ["/bin/true"])
