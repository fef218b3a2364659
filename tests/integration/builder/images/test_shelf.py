"""What can be collected in a real engine: images of this instance, each with the bytes that go with it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from uuid import uuid4

import pytest
from heliostat_builder.runtimes.docker.naming import Names
from heliostat_builder.runtimes.docker.shelf import DockerShelf
from heliostat_builder.services.shelf import ItemBusyError
from heliostat_containers import Containers, ContainerSpec, Engine, EngineImageStore, Image, Images, write_layer
from heliostat_core.contracts.retention import ShelfKind


@pytest.fixture
async def removed_images() -> None:
    """Nothing is built here."""


@dataclass
class Made:
    """An environment and a commit's image on it, as a build leaves them."""

    names: Names
    images: Images
    environment: Image
    content: Image

    @property
    def shelf(self) -> DockerShelf:
        return DockerShelf(images=self.images, names=self.names, store=EngineImageStore(self.images))


@pytest.fixture
async def made(engine: Engine, base_image: str, tmp_path: Path) -> AsyncIterator[Made]:
    images, names, build = Images(engine), Names(f"t{token_hex(6)}"), str(uuid4())
    below, called = base_image, []
    for role, size in (("environment", 3_000_000), ("content", 1_000)):
        tree = tmp_path / role
        tree.mkdir()
        (tree / names.instance).write_bytes(bytes(size))
        layer = await write_layer(tree, tmp_path / f"{role}.tar")
        labels = {"role": role, role: f"{role}-id", "build": build, "instance": names.instance}
        called.append(names.environment("e") if role == "environment" else names.content("git-demo:c"))
        prefixed = {f"heliostat.{key}": value for key, value in labels.items()}
        below = (await images.add_layer(below, layer, name=called[-1], labels=prefixed)).digest
    environment, content = [await images.read(name) for name in called]
    yield Made(names, images, environment, content)
    for name in (*called, f"{names.instance}/mine:1"):
        await images.remove(name)


async def test_the_shelf_has_both_images_with_the_bytes_that_go_with_them(made: Made) -> None:
    content, environment = sorted(await made.shelf.list_(), key=lambda item: item.kind)
    assert (environment.kind, environment.id, environment.size) == (ShelfKind.ENVIRONMENT, "environment-id", 3_000_000)
    assert (content.kind, content.id, content.size) == (ShelfKind.CONTENT, "content-id", 1_000)
    assert content.environment_id == "environment-id"
    other = DockerShelf(images=made.images, names=Names("other"), store=EngineImageStore(made.images))
    assert await other.list_() == []


async def test_what_is_removed_is_gone_unless_an_operator_named_it(made: Made) -> None:
    await made.images.tag(made.environment.digest, f"{made.names.instance}/mine:1")
    for item in await made.shelf.list_():
        await made.shelf.remove(item)
        await made.shelf.remove(item)
    assert await made.shelf.list_() == []
    assert await made.images.find(made.content.digest) is None
    assert (await made.images.read(made.environment.digest)).names == (f"{made.names.instance}/mine:1",)


async def test_what_a_container_runs_from_stays(made: Made, engine: Engine) -> None:
    containers = Containers(engine)
    container = await containers.create(
        ContainerSpec(name=f"{made.names.instance}-server", image=made.content.digest, command=("true",))
    )
    try:
        [content] = [item for item in await made.shelf.list_() if item.kind is ShelfKind.CONTENT]
        with pytest.raises(ItemBusyError):
            await made.shelf.remove(content)
        assert await made.images.find(made.content.digest) is not None
    finally:
        await containers.remove(container.id)
