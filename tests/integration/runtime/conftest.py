"""A real state directory, a real virtual environment and real servers on this host."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from heliostat_runtime import (
    Enforcement,
    HostCapabilities,
    ServerProcess,
    Servers,
    ServerSpec,
    Volume,
    VolumeStore,
    instance_name,
    probe_host,
)

SIZE = 48 * 2**20
DEADLINE = 20.0


class Outcome(NamedTuple):
    exit_code: int | None
    output: str


async def wait_for(look: Callable[[], Awaitable[bool]]) -> None:
    until = time.monotonic() + DEADLINE
    while not await look():
        assert time.monotonic() < until
        await asyncio.sleep(0.02)


@pytest.fixture
def wait_for_end():
    async def wait(server: ServerProcess) -> None:
        async def ended() -> bool:
            return not (await server.poll()).running

        await wait_for(ended)

    return wait


@pytest.fixture
def wait_for_output():
    async def wait(server: ServerProcess, pattern: str) -> str:
        async def printed() -> bool:
            return re.fullmatch(pattern, await server.read_log_end()) is not None

        await wait_for(printed)
        return await server.read_log_end()

    return wait


@pytest.fixture(scope="session")
def capabilities(tmp_path_factory: pytest.TempPathFactory) -> HostCapabilities:
    return asyncio.run(probe_host(tmp_path_factory.mktemp("probe")))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("environments") / "environment"
    interpreter = Path(sys.base_prefix, "bin/python3")
    subprocess.run([interpreter, "-m", "venv", "--without-pip", path], check=True)
    site_packages = next(path.glob("lib/python3.*/site-packages"))
    (site_packages / "pinned.py").write_text("VALUE = 'from the environment'\n")
    # A program that can be forked: `python -I -m served CODE`.
    served = site_packages / "served"
    served.mkdir()
    (served / "preload.py").write_text(
        "import json, multiprocessing, os, random, uuid\nREAD = os.environ.get('READ')\n"
    )
    (served / "__main__.py").write_text("import sys\nexec(sys.argv[1])\n")
    return path


@pytest.fixture
def state(tmp_path: Path, capabilities: HostCapabilities):
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    yield path
    for base in set(capabilities.cgroup_directories.values()):
        group = base / instance_name(path)
        if group.is_dir():
            group.rmdir()  # fails when a test left a group behind


@pytest.fixture
def volumes(state: Path, capabilities: HostCapabilities) -> VolumeStore:
    return VolumeStore(state, capabilities)


@pytest.fixture
def servers(state: Path, capabilities: HostCapabilities, volumes: VolumeStore) -> Servers:
    return Servers(state, capabilities, volumes)


@pytest.fixture
async def volume(volumes: VolumeStore) -> Volume:
    return await volumes.ensure("alice", "work", SIZE)


@pytest.fixture
def specify(volume: Volume, environment: Path) -> Callable[..., ServerSpec]:
    """Build the specification of a server whose program is a piece of Python."""

    def build(program: str, **changes) -> ServerSpec:
        command = (str(environment / "bin/python"), "-c", program)
        given = {"volume_id": volume.volume_id, "environment": environment, "base_environment": environment}
        return ServerSpec(**{**given, "command": command, **changes})

    return build


@pytest.fixture
def run_inside(servers: Servers, state: Path, specify, wait_for_end) -> Callable[..., Awaitable[Outcome]]:
    """Run a piece of Python as a server, to its end, and return what it printed."""

    async def run(program: str, **changes) -> Outcome:
        server = await servers.start(specify(program, **changes))
        await wait_for_end(server)
        status = await server.stop(grace=timedelta(0))
        log = state / "logs" / "servers" / f"{server.volume_id}.log"
        return Outcome(status.exit_code, log.read_text())

    return run


@pytest.fixture
def require() -> Callable[[Enforcement], None]:
    def check(enforcement: Enforcement) -> None:
        if not enforcement.enforced:
            pytest.skip(f"this host does not enforce {enforcement.resource}: {enforcement.reason}")

    return check
