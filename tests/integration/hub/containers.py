"""A hub whose servers are containers, and a look at them by the engine's own command."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

from heliostat_containers import Engine
from heliostat_containers.firewall import ensure_rules, remove_rules
from heliostat_containers.networks import Network, Networks
from heliostat_containers.server_containers import ServerContainers

from tests.integration.hub.stack import RULES, Peers, Stack

MEMORY = 512 * 2**20
STORAGE = 64 * 2**20


class ContainerStack(Stack):
    """The stack of the docker runtime."""

    def __init__(self, *, state: Path, network: Network, instance: str, image: str, peers: Peers) -> None:
        self.instance = instance
        self.network = network
        settings = {"RUNTIME": "docker", "NETWORK": network.name, "DEFAULT_IMAGE": image, "INSTANCE": instance}
        gateway = str(network.gateway)
        super().__init__(state=state, base_environment=None, peers=peers, settings=settings, hub_address=gateway)

    def list_containers(self) -> list[dict[str, Any]]:
        """List the containers of servers, running or not."""
        labels = ["--filter", f"label=heliostat.instance={self.instance}", "--filter", "label=heliostat.volume"]
        ids = docker("ps", "--all", "--quiet", "--no-trunc", *labels).stdout.split()
        # One that goes meanwhile is not there.
        return [found for container in ids for found in json.loads(docker("inspect", container).stdout or "[]")]

    def find_container(self, user: str, server_name: str) -> dict[str, Any]:
        """Return the container of a server."""
        (volume_id,) = (path.name for path in self.find_volumes(user, server_name))
        (found,) = (c for c in self.list_containers() if c["Config"]["Labels"]["heliostat.volume"] == volume_id)
        return found

    def find_volumes(self, user: str, server_name: str) -> list[Path]:
        """Return the directories of a server's volumes."""
        owner = {"user": user, "server_name": server_name}
        records = self.state.glob("containers/volumes/*/volume.json")
        return [path.parent for path in records if json.loads(path.read_text())["owner"] == owner]

    def list_loops(self) -> list[str]:
        """List the loop devices of this instance's images."""
        listed = subprocess.run(["losetup", "--list", "--noheadings"], capture_output=True, text=True, check=True)
        return [line for line in listed.stdout.splitlines() if str(self.state) in line]

    def execute(self, user: str, server_name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a server's container, as its user."""
        return docker("exec", self.find_container(user, server_name)["Id"], *command)

    def run_python(self, user: str, server_name: str, code: str) -> subprocess.CompletedProcess[str]:
        """Run code in a server's container."""
        return self.execute(user, server_name, "python3", "-c", code)


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the engine's command."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def running_container_stack(image: str, *, memory: int = MEMORY, storage: int = STORAGE) -> Iterator[ContainerStack]:
    """Run a hub with a network of its own, and leave nothing."""
    instance = f"tests{token_hex(3)}"
    state = Path(tempfile.mkdtemp(prefix="heliostat-hub-"))
    network = asyncio.run(_make_network(instance))
    peers = Peers(RULES.model_copy(update={"memory": memory, "storage": storage}))
    stack = ContainerStack(state=state, network=network, instance=instance, image=image, peers=peers)
    try:
        if os.getuid() == 0:
            asyncio.run(ensure_rules(network.bridge, hub_port=stack.hub_port))
        with peers.running(), stack.running():
            yield stack
    finally:
        asyncio.run(_remove_all(network, instance))
        shutil.rmtree(state)


async def _make_network(instance: str) -> Network:
    async with Engine.open() as engine:
        return await Networks(engine).ensure(f"heliostat-{instance}", instance=instance)


async def _remove_all(network: Network, instance: str) -> None:
    async with Engine.open() as engine:
        servers = ServerContainers(engine, instance=instance)
        for volume_id in await servers.list_():
            await servers.remove(volume_id)
        await servers.remove_platforms()
        await Networks(engine).remove(network.name)
    if os.getuid() == 0:
        await remove_rules(network.bridge)
