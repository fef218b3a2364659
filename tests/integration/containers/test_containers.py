"""Containers of a real engine."""

from datetime import timedelta

import pytest
from heliostat_containers import (
    ContainerExistsError,
    ContainerLimits,
    Containers,
    ContainerSpec,
    Engine,
    EngineTimeoutError,
    EngineUnavailableError,
    ImageMissingError,
    Images,
)

SHORT = timedelta(seconds=60)


async def test_a_container_has_no_capability_no_network_and_the_limits(
    containers: Containers, base_image: str, name: str
) -> None:
    look = "exec 2>&1; grep -E 'CapEff|NoNewPrivs' /proc/self/status; ls /sys/class/net"
    script = f"{look}; for i in 1 2 3 4 5; do sleep 9 & done"
    finished = await containers.run(
        ContainerSpec(name=name, image=base_image, command=("sh", "-c", script), limits=ContainerLimits(pids=3)),
        deadline=SHORT,
    )
    assert finished.output.split()[:5] == ["CapEff:", "0000000000000000", "NoNewPrivs:", "1", "lo"]
    assert "Cannot fork" in finished.output
    assert finished.status == 2
    assert await containers.find(name) is None


async def test_who_comes_back_reads_on_after_the_lines_it_has(
    containers: Containers, base_image: str, name: str
) -> None:
    spec = ContainerSpec(
        name=name, image=base_image, command=("sh", "-c", "echo one; echo two >&2; printf three; exit 7")
    )
    await containers.create(spec)
    with pytest.raises(ContainerExistsError):
        await containers.create(spec)
    await containers.start(name)
    assert await containers.wait(name, deadline=SHORT) == 7
    assert sorted([line async for line in containers.watch_logs(name)]) == ["one", "three", "two"]
    assert len([line async for line in containers.watch_logs(name, skip=2)]) == 1
    ended = await containers.read(name)
    assert (ended.exit_code, ended.is_running, ended.name) == (7, False, name)


async def test_at_its_deadline_a_short_container_is_killed_and_removed(
    containers: Containers, base_image: str, name: str
) -> None:
    with pytest.raises(EngineTimeoutError, match="finish"):
        await containers.run(
            ContainerSpec(name=name, image=base_image, command=("sleep", "600")), deadline=timedelta(seconds=1)
        )
    assert await containers.find(name) is None


async def test_a_container_becomes_an_image(images: Images, containers: Containers, base_image: str, name: str) -> None:
    await containers.create(
        ContainerSpec(name=name, image=base_image, command=("sh", "-c", "echo made > /made"), labels={"a": "1"})
    )
    await containers.start(name)
    await containers.wait(name, deadline=SHORT)
    assert await containers.measure(name) == len("made\n")
    assert [found.name for found in await containers.list_({"a": "1"}) if found.name == name] == [name]
    digest = await containers.commit(name, image=f"{name}:1", config={"Labels": {"heliostat.tests": name}})
    made = await images.read(digest)
    assert (made.names, made.labels["heliostat.tests"]) == ((f"{name}:1",), name)
    assert made.layers[:-1] == (await images.read(base_image)).layers
    assert [image.digest for image in await images.list_briefly(f"heliostat.tests={name}")] == [digest]
    await images.remove(f"{name}:1")
    await images.remove(f"{name}:1")
    assert await images.find(digest) is None


async def test_a_missing_image_is_named(containers: Containers, name: str) -> None:
    with pytest.raises(ImageMissingError, match="heliostat-tests/none:1"):
        await containers.create(ContainerSpec(name=name, image="heliostat-tests/none:1"))


async def test_no_engine_is_an_error_of_its_own() -> None:
    async with Engine.open("unix:///nowhere/engine.sock") as engine:
        with pytest.raises(EngineUnavailableError):
            await engine.ping()
