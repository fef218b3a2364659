"""What tests on a real engine share: names of their own, which they remove."""

from collections.abc import AsyncIterator
from secrets import token_hex

import pytest
from heliostat_containers import Containers, Engine, Images


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
