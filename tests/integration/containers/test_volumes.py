"""Volumes that the engine mounts: filled once, never over somebody's work, and let go whatever was killed when."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

import pytest
from heliostat_containers import Containers, ContainerSpec, Engine, Images, Mount
from heliostat_containers.loop_devices import HelperLoopDevices, LoopDevices, OwnLoopDevices
from heliostat_containers.volumes import ServerVolumes, build_volume_name
from heliostat_runtime import HostCommandError, VolumeBusyError
from heliostat_runtime.waiting import wait_for_condition

SIZE = 16 * 2**20
DEADLINE, POLL = timedelta(seconds=10), timedelta(milliseconds=20)

ATTACH_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from heliostat_containers import Containers, Engine, Mount
from heliostat_containers.loop_devices import HelperLoopDevices, OwnLoopDevices
file, helper, image = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
mount = Mount(source=str(file.parent), target=str(file.parent))
async def main():
    containers = Containers(Engine())
    helpers = HelperLoopDevices(containers, name=helper, image=image, mount=mount, labels={})
    print(await (helpers if helper else OwnLoopDevices()).attach(file), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


@pytest.fixture
def helper_name() -> str:
    return f"heliostat-tests-{token_hex(6)}"


@pytest.fixture
async def base_digest(engine: Engine, base_image: str) -> str:
    return (await Images(engine).read(base_image)).digest


@pytest.fixture
async def helper(
    containers: Containers, helper_name: str, base_digest: str, tmp_path: Path
) -> AsyncIterator[HelperLoopDevices]:
    mount = Mount(source=str(tmp_path), target=str(tmp_path))
    yield HelperLoopDevices(containers, name=helper_name, image=base_digest, mount=mount, labels={})
    await containers.remove(helper_name)


@pytest.fixture(params=["own devices", "a helper's devices", "no devices"])
async def volumes(
    request: pytest.FixtureRequest, engine: Engine, helper: HelperLoopDevices, tmp_path: Path
) -> ServerVolumes:
    """The volumes of an instance, with each way to storage."""
    if os.getuid() != 0 and request.param != "no devices":
        pytest.skip("loop devices need root")
    ways: dict[str, LoopDevices | None] = {
        "own devices": OwnLoopDevices(),
        "a helper's devices": helper,
        "no devices": None,
    }
    return ServerVolumes(tmp_path, engine=engine, instance=f"tests{token_hex(3)}", loops=ways[request.param])


class Filler:
    """Containers on a volume: who creates one has the engine fill it."""

    def __init__(self, containers: Containers, image: str) -> None:
        self._containers = containers
        self._image = image
        self.made: list[str] = []

    async def create(self, volume_id: str, script: str = "sleep 60") -> str:
        """Create a container with the volume at /etc/apt, which has files in the image."""
        spec = ContainerSpec(
            name=f"heliostat-tests-{token_hex(6)}",
            image=self._image,
            command=("sh", "-c", script),
            mounts=(Mount(source=build_volume_name(volume_id), target="/etc/apt", kind="volume"),),
        )
        self.made.append(spec.name)
        return (await self._containers.create(spec)).name

    async def run(self, volume_id: str, script: str) -> str:
        """Run a script on the volume and return what it printed."""
        name = await self.create(volume_id, script)
        await self._containers.start(name)
        lines = [line async for line in self._containers.watch_logs(name)]
        await self._containers.remove(name)
        return "\n".join(lines)


@pytest.fixture
async def filler(containers: Containers, base_image: str) -> AsyncIterator[Filler]:
    filler = Filler(containers, base_image)
    yield filler
    for name in filler.made:
        await containers.remove(name)


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    if os.getuid() != 0:
        pytest.skip("loop devices need root")
    path = tmp_path / "image.ext4"
    with path.open("wb") as file:
        file.truncate(SIZE)
    return path


def attach_by_hand(image: Path) -> None:
    subprocess.run(["losetup", "--find", str(image)], check=True)


async def attach_and_die(image: Path, helper: str = "", digest: str = "") -> str:
    """Attach an image in a process that is killed as soon as it has, and return its device."""
    argv = [sys.executable, "-c", ATTACH_AND_DIE, str(image), helper, digest]
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL
    return output.decode()


def list_devices(directory: Path) -> list[str]:
    listed = subprocess.run(["losetup", "--list", "--noheadings"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(directory) in line]


def list_engine_volumes() -> list[str]:
    listed = subprocess.run(["docker", "volume", "ls", "--quiet"], capture_output=True, text=True, check=True)
    return listed.stdout.split()


async def test_what_an_interrupted_first_start_left_is_made_again_and_work_never(
    volumes: ServerVolumes, filler: Filler, tmp_path: Path
) -> None:
    volume = await volumes.ensure("lyra", "one", SIZE)
    async with volumes.lease(volume.volume_id) as lease:
        await volumes.mount(lease)
        assert await filler.run(volume.volume_id, "rm -r /etc/apt/*; touch /etc/apt/half; ls /etc/apt") == "half"
        await volumes.mount(lease)  # whoever was killed before it could record the filling
        assert "sources.list.d" in await filler.run(volume.volume_id, "ls /etc/apt")
    await volumes.record(volume.volume_id, populated=True)
    async with volumes.lease(volume.volume_id) as lease:
        await volumes.mount(lease)
        assert await filler.run(volume.volume_id, "rm -r /etc/apt/*; touch /etc/apt/work; ls /etc/apt") == "work"
        await volumes.mount(lease)
        assert await filler.run(volume.volume_id, "ls /etc/apt") == "work"
    await volumes.reconcile()
    assert list_devices(tmp_path) == []
    await volumes.delete(volume.volume_id)


async def test_a_volume_with_a_container_is_neither_deleted_nor_mounted_twice(
    volumes: ServerVolumes, filler: Filler, containers: Containers, engine: Engine, tmp_path: Path
) -> None:
    volume = await volumes.ensure("lyra", "two", SIZE)
    async with volumes.lease(volume.volume_id) as lease:
        await volumes.mount(lease)
        name = await filler.create(volume.volume_id)
        await containers.start(name)
        await volumes.let_go(lease)
        with pytest.raises(VolumeBusyError):
            await volumes.mount(lease)
    await volumes.reconcile()
    with pytest.raises(VolumeBusyError):
        await volumes.delete(volume.volume_id)
    assert volume in await volumes.list_()
    await containers.remove(name)
    assert list_devices(tmp_path) == []  # the kernel has freed it with the mount, though nobody told it to
    await volumes.delete(volume.volume_id)
    assert await volumes.list_() == ()
    assert build_volume_name(volume.volume_id) not in list_engine_volumes()


async def test_what_the_engine_has_beyond_the_ledger_goes_only_when_it_holds_no_files(
    volumes: ServerVolumes, filler: Filler, tmp_path: Path, engine: Engine
) -> None:
    volume = await volumes.ensure("lyra", "three", SIZE)
    async with volumes.lease(volume.volume_id) as lease:
        await volumes.mount(lease)
    ledger = tmp_path / "volumes" / volume.volume_id
    ledger.rename(tmp_path / "away")
    await volumes.reconcile()
    holds_files = volume.backend == "engine-volume"
    assert (build_volume_name(volume.volume_id) in list_engine_volumes()) == holds_files
    (tmp_path / "away").rename(ledger)
    await volumes.reconcile()
    await volumes.delete(volume.volume_id)


@pytest.mark.parametrize("volumes", ["own devices", "a helper's devices"], indirect=True)
async def test_what_an_interrupted_attachment_left_is_let_go(volumes: ServerVolumes, tmp_path: Path) -> None:
    volume = await volumes.ensure("lyra", "four", SIZE)
    directory = tmp_path / "volumes" / volume.volume_id
    (directory / "attaching").touch()
    attach_by_hand(directory / "image.ext4")
    await volumes.reconcile()
    assert list_devices(tmp_path) == []
    async with volumes.lease(volume.volume_id) as lease:
        await volumes.mount(lease)
    await volumes.delete(volume.volume_id)
    assert list_devices(tmp_path) == []


async def test_the_kernel_frees_the_device_of_a_process_that_was_killed(image_file: Path) -> None:
    assert (await attach_and_die(image_file)).startswith("/dev/loop")
    assert list_devices(image_file.parent) == []


async def test_a_helper_frees_the_device_of_a_process_that_was_killed(
    image_file: Path, helper: HelperLoopDevices, containers: Containers, helper_name: str, base_digest: str
) -> None:
    directory = image_file.parent
    assert (await attach_and_die(image_file, helper_name, base_digest)).startswith("/dev/loop")
    assert await wait_for_condition(lambda: list_devices(directory) == [], deadline=DEADLINE, interval=POLL)
    assert (await helper.attach(image_file)).startswith("/dev/loop")
    assert len(list_devices(directory)) == 1
    await containers.kill(helper_name)
    assert await wait_for_condition(lambda: list_devices(directory) == [], deadline=DEADLINE, interval=POLL)
    assert (await helper.attach(image_file)).startswith("/dev/loop")  # by the helper that has been started again
    await helper.let_go(image_file)


async def test_what_a_helper_cannot_do_is_said(image_file: Path, helper: HelperLoopDevices) -> None:
    with pytest.raises(HostCommandError, match="nowhere"):
        await helper.attach(image_file.with_name("nowhere"))
