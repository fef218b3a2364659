"""One instance of docker-compose.yml for all tests here, with two replicas of each service, and a git server."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import Person
from tests.e2e.launching import list_servers
from tests.e2e.stack import Stack, find_free_port
from tests.support import engine as engines
from tests.support.gitserver import GitServer, running_git_server

RUN = engines.CHECKOUT / "deploy" / "compose" / "run"
REPLICATED = ("builder", "sessions", "policy")
DEADLINE = 900  # seconds, where all images have to be built
_numbers = count(1)


@dataclass(frozen=True)
class Compose:
    """A running instance: how to sign in to it, and its containers."""

    stack: Stack
    project: str
    environment: dict[str, str]
    gateway: str

    def run(self, *command: str) -> str:
        """Run a command of docker compose, or `up` and `down`, and return what it printed."""
        return run(self.environment, *command)

    def inspect(self, container: str, template: str) -> str:
        """Read something of a container, such as ``builder-1``."""
        command = ["docker", "inspect", "--format", template, f"{self.project}-{container}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def address_of(self, container: str, network: str) -> str:
        """Read a container's address on a network of the instance."""
        networks = json.loads(self.inspect(container, "{{json .NetworkSettings.Networks}}"))
        return str(networks[f"{self.project}_{network}"]["IPAddress"])

    def kill(self, container: str) -> str:
        """Kill everything in a container as a crash would, and return when it had been started.

        Not by `docker kill`, after which the engine does not start it again.
        """
        started = self.inspect(container, "{{.State.StartedAt}}")
        os.kill(int(self.inspect(container, "{{.State.Pid}}")), 9)
        return started

    def is_back(self, container: str, *, since: str) -> bool:
        """Whether a container that was killed runs again, and says that it is well."""
        state = self.inspect(container, "{{.State.StartedAt}} {{.State.Running}} {{.State.Health.Status}}")
        started, *rest = state.split()
        return started != since and rest == ["true", "healthy"]


@pytest.fixture(scope="session")
def compose() -> Iterator[Compose]:
    """An instance in an engine, removed with everything it made."""
    if obstacle := engines.find_obstacle() or find_obstacle():
        pytest.skip(obstacle)
    name = secrets.token_hex(3)
    network = secrets.randbelow(250)
    state = Path(tempfile.mkdtemp(prefix="heliostat-compose-"))
    gateway = f"10.214.{network}.1"
    environment = os.environ | {
        "BASE_IMAGE": engines.make_base_image(),
        **({"CA_BUNDLE": str(engines.CERTIFICATES)} if engines.CERTIFICATES.exists() else {}),
        "COMPOSE_PROJECT_NAME": f"heliostat-test-{name}",
        "HELIOSTAT_COMPOSE_DIRECTORY": str(state),
        "HELIOSTAT_PORT": str(find_free_port()),
        "HELIOSTAT_CONTROL_NETWORK": f"10.214.{network}.0/24",
        "HELIOSTAT_SERVERS_NETWORK": f"10.215.{network}.0/24",
        "HELIOSTAT_BUILDER_ALLOWED_PRIVATE_NETWORKS": json.dumps([f"10.214.{network}.0/24"]),
        "HELIOSTAT_SESSIONS_IDLE_SWEEP_INTERVAL": "1s",
        "HELIOSTAT_SESSIONS_MEASURE_INTERVAL": "2s",
        "HELIOSTAT_SESSIONS_RECONCILE_INTERVAL": "1s",
    }
    try:
        run(environment, "up", *(f"--scale={service}=2" for service in REPLICATED))
        yield Compose(
            stack=read_stack(state),
            project=environment["COMPOSE_PROJECT_NAME"],
            environment=environment,
            gateway=gateway,
        )
    finally:
        if (state / "environment").exists():
            run(environment, "down", "--volumes")
        shutil.rmtree(state)


def run(environment: dict[str, str], *command: str) -> str:
    """Run a command for the instance that the environment names, and return what it printed."""
    done = subprocess.run(
        [RUN, *command], env=environment, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def read_stack(state: Path) -> Stack:
    """Read how to sign in."""
    credentials = json.loads((state / "credentials.json").read_text())
    return Stack(
        url=credentials["url"],
        state=state,
        username=credentials["username"],
        password=credentials["password"],
        api_token=credentials["api_token"],
        admin_username=credentials["admin_username"],
    )


def find_obstacle() -> str | None:
    """Say why docker compose cannot be used here; None when it can."""
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if asked.returncode:
        return "docker has no compose plugin (root: CI=true make test-packages)"
    return None if os.geteuid() == 0 else "only root can kill what is in containers"


@pytest.fixture(scope="session")
def git(compose: Compose) -> Iterator[GitServer]:
    """A git server where the builder's container reaches it."""
    with running_git_server(host=compose.gateway) as server:
        yield server


@pytest.fixture
def person(compose: Compose) -> Iterator[Person]:
    """A user nobody used before; their servers are deleted afterwards."""
    name = f"user{next(_numbers)}"
    token = compose.stack.create_user(name)
    with compose.stack.client(token) as client, ExitStack() as labs:
        yield Person(name=name, token=token, client=client, labs=labs)
        for session in list_servers(client):
            client.delete(session["links"]["self"])


@pytest.fixture
def admin(compose: Compose) -> Iterator[httpx.Client]:
    """The administrator's client."""
    with compose.stack.client(compose.stack.api_token) as client:
        yield client
