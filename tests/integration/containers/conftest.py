"""What tests on a real engine share: names of their own, which they remove."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from secrets import token_hex

import pytest
from heliostat_containers import Containers, Engine, Images


@pytest.fixture(scope="session")
def small_image(engine_url: str) -> Iterator[str]:
    """An image of a few bytes, for tests that only move images."""
    made = subprocess.run(
        ["docker", "import", "-"], input=bytes(10240), capture_output=True, check=True
    )  # an empty tar
    digest = made.stdout.decode().strip()
    yield digest
    subprocess.run(["docker", "image", "rm", "--force", digest], capture_output=True, check=True)


@pytest.fixture
async def containers(engine: Engine) -> Containers:
    return Containers(engine)


@pytest.fixture
async def images(engine: Engine) -> Images:
    return Images(engine)


@pytest.fixture
async def name(containers: Containers, images: Images) -> AsyncIterator[str]:
    """A name of this test's own; its container, and its image with the tag 1, are removed."""
    chosen = f"heliostat-tests-{token_hex(6)}"
    yield chosen
    await containers.remove(chosen)
    await images.remove(f"{chosen}:1")
