"""One hub for all tests of this folder; each test uses users and servers of its own."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from heliostat_local.base_environment import BaseEnvironment

from tests.integration.hub.containers import ContainerStack, running_container_stack
from tests.integration.hub.stack import CHECKOUT, Peers, Stack


@pytest.fixture(scope="session")
def base_environment() -> Path:
    """The environment JupyterLab runs in, kept between test runs under the hash of its sources."""
    root = CHECKOUT / "build" / "test-base"
    root.mkdir(parents=True, exist_ok=True)
    base = BaseEnvironment(root, environment={**os.environ})
    asyncio.run(base.ensure())
    return base.path


@pytest.fixture(scope="session")
def stack(base_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running hub."""
    peers = Peers()
    running = Stack(state=tmp_path_factory.mktemp("state"), base_environment=base_environment, peers=peers)
    with peers.running(), running.running():
        yield running


@pytest.fixture(scope="session")
def container_stack(lab_image: str) -> Iterator[ContainerStack]:
    """A running hub whose servers are containers."""
    if os.getuid() != 0:
        pytest.skip("limits of storage and rules of the network need root")
    with running_container_stack(lab_image) as running:
        yield running


@pytest.fixture(autouse=True)
def _policy_as_usual(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "stack" in request.fixturenames:
        peers = request.getfixturevalue("stack").peers
        peers.down = peers.refuse_starts = peers.refuse_shares = False
        peers.hesitation = 0.0
