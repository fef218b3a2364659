"""Images may be kept in a registry; built is said after it was asked whether it has them."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from heliostat_containers import Engine, Images

from tests.integration.builder.conftest import build
from tests.support import registry as registries


@pytest.fixture
def tiny(engine_url: str) -> Iterator[str]:
    """An image of a few bytes, so that sending it takes no time."""
    name = f"heliostat-tests-{token_hex(6)}:1"
    subprocess.run(["docker", "import", "-", name], input=bytes(10240), capture_output=True, check=True)
    yield name
    subprocess.run(["docker", "image", "rm", name], capture_output=True, check=True)


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """A registry that wants a password."""
    if obstacle := registries.find_obstacle():
        pytest.skip(obstacle)
    async with registries.running_registry(tmp_path, locked=True) as running:
        yield running


async def test_images_are_sent_to_the_registry_and_started_from_there(replica, git, ada, address, tiny, engine):
    repository = git.create("ada/tiny")
    repository.commit({"Dockerfile": f"FROM {tiny}\nCOPY notes.txt /\n", "notes.txt": "clear"})
    registry = {"image_store": "registry", "registry_url": f"http://{address}/team", "registry_user": registries.USER}
    async with replica(**registry, registry_password="not-this-one") as builder:
        refused = await builder.post("api/v1/plans", json={"repo": repository.url}, headers=ada)
    assert (refused.status_code, refused.json()["code"]) == (503, "image_store_unusable")
    assert "not-this-one" not in refused.text
    async with replica(**registry, registry_password=registries.PASSWORD) as builder:
        built = await build(builder, ada, repository.url)
        plan = (await builder.post("api/v1/plans", json={"repo": repository.url}, headers=ada)).json()
        await lose(engine, built["image"])
        lost = (await builder.post("api/v1/plans", json={"repo": repository.url}, headers=ada)).json()
        fetched = await build(builder, ada, repository.url)
    assert (lost["decision"], lost["image"]) == ("content-only", None)
    assert (fetched["state"], fetched["image"]) == ("succeeded", built["image"]), fetched["failure"]
    assert (await Images(engine).read(fetched["image"])).labels["heliostat.build"] == built["id"]
    assert built["image"].startswith(f"{address}/team/heliostat-"), built["failure"]
    assert "@sha256:" in built["image"]
    assert (plan["decision"], plan["image"]) == ("hit", built["image"])


async def lose(engine: Engine, reference: str) -> None:
    """Take an image from the engine under all its names, as somebody who makes room does."""
    images = Images(engine)
    for name in (await images.read(reference)).names:
        await images.remove(name)
    assert await images.find(reference) is None
