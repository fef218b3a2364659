"""Image stores: "built" means that the image was looked at where it is kept. A real engine and a real registry."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from heliostat_containers import (
    Credentials,
    Engine,
    EngineImageStore,
    Image,
    ImageMissingError,
    ImageNotVerifiedError,
    Images,
    Registry,
    RegistryDeniedError,
    RegistryImageStore,
    RegistryUnavailableError,
    write_layer,
)
from heliostat_containers.registry_http import RegistryClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support import registry as registries
from tests.support.certificates import make_certificate
from tests.support.server import serving

KNOWN = Credentials(registries.USER, registries.PASSWORD)
ABSENT = f"sha256:{'0' * 64}"


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """A registry that wants a password."""
    if obstacle := registries.find_obstacle():
        pytest.skip(obstacle)
    async with registries.running_registry(tmp_path, locked=True) as running:
        yield running


@pytest.fixture
async def registry(address: str) -> AsyncIterator[Registry]:
    async with Registry.open(f"http://{address}/team", credentials=KNOWN) as opened:
        yield opened


@pytest.fixture
async def image(images: Images, small_image: str, name: str, tmp_path: Path) -> Image:
    """An image that nobody else has, and that is sent at once."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text(name)
    layer = await write_layer(tree, tmp_path / "layer.tar")
    return await images.add_layer(small_image, layer, name=f"{name}:1", labels={})


async def test_the_engine_keeps_images_under_names(images: Images, image: Image, name: str) -> None:
    store = EngineImageStore(images)
    assert await store.find(f"{name}:kept") is None
    stored = await store.publish(image.digest, f"{name}:kept")
    assert stored.reference == stored.digest == image.digest
    assert await store.find(f"{name}:kept") == stored
    with pytest.raises(ImageMissingError):
        await store.publish(ABSENT, f"{name}:kept")
    await store.remove(f"{name}:kept")
    await store.remove(f"{name}:kept")
    assert await store.find(f"{name}:kept") is None


async def test_an_image_in_a_registry_is_verified_and_can_be_fetched_from_there(
    engine: Engine, images: Images, registry: Registry, image: Image, name: str
) -> None:
    store = RegistryImageStore(engine=engine, registry=registry)
    await registry.ping()
    assert await store.find(f"{name}:1") is None
    stored = await store.publish(image.digest, f"{name}:1")
    assert stored.digest == image.digest
    assert stored.reference.startswith(f"{registry.host}/team/{name}@sha256:")
    assert await store.publish(image.digest, f"{name}:1") == stored == await store.find(f"{name}:1")
    await images.remove(f"{name}:1")
    await images.remove(registry.build_name(f"{name}:1"))
    assert await images.find(image.digest) is None
    lost = await store.find(f"{name}:1")
    assert lost is not None
    assert (lost.reference, lost.here) == (stored.reference, False)
    assert await store.fetch(f"{name}:1") == stored == await store.find(f"{name}:1")
    assert (await images.read(stored.reference)).digest == image.digest
    await store.remove(f"{name}:1")
    await store.remove(f"{name}:1")
    assert await store.find(f"{name}:1") is None
    with pytest.raises(ImageMissingError):
        await store.fetch(f"{name}:1")
    await images.remove(f"{name}:1")
    assert await images.find(image.digest) is None


async def test_what_the_registry_has_instead_is_not_taken_for_what_was_sent(
    engine: Engine, images: Images, address: str, image: Image, name: str
) -> None:
    # Two registries behind one address: the engine gets to the one, we to the other.
    app = Starlette(routes=[Route("/v2/{rest:path}", lambda _: JSONResponse({"config": {"digest": ABSENT}}))])
    async with serving(app) as url, httpx.AsyncClient(base_url=url) as http:
        client = RegistryClient(client=http, host=address, credentials=None)
        registry = Registry(client=client, host=address, credentials=KNOWN)
        with pytest.raises(ImageNotVerifiedError, match=ABSENT):
            await RegistryImageStore(engine=engine, registry=registry).publish(image.digest, f"{name}:1")
        with pytest.raises(ImageMissingError):
            await RegistryImageStore(engine=engine, registry=registry).fetch(f"{name}:2")
    await images.remove(registry.build_name(f"{name}:1"))


@pytest.mark.parametrize("credentials", [None, Credentials(registries.USER, "a-wrong-password")])
async def test_without_the_right_password_nothing_goes_and_nothing_is_told(
    engine: Engine,
    images: Images,
    address: str,
    image: Image,
    name: str,
    credentials: Credentials | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Registry.open(f"http://{address}", credentials=credentials) as registry:
        store = RegistryImageStore(engine=engine, registry=registry)
        full = registry.build_name(f"{name}:1")
        for attempt in (store.find(f"{name}:1"), registry.ping(), store._push(image.digest, f"{name}:1")):
            with pytest.raises(RegistryDeniedError) as raised:
                await attempt
            assert "a-wrong-password" not in f"{raised.value!r} {raised.value} {raised.value.__cause__!r}"
        await images.remove(full)
    assert "a-wrong-password" not in f"{credentials!r} {caplog.text}"


async def test_a_registry_that_is_gone_is_an_error_of_its_own(
    engine: Engine, images: Images, image: Image, name: str
) -> None:
    async with Registry.open("http://127.0.0.1:9") as registry:
        store = RegistryImageStore(engine=engine, registry=registry)
        for attempt in (store.find(f"{name}:1"), store._push(image.digest, f"{name}:1")):
            with pytest.raises(RegistryUnavailableError):
                await attempt
        await images.remove(registry.build_name(f"{name}:1"))


async def test_the_authority_of_a_registry_is_a_setting(tmp_path: Path) -> None:
    if obstacle := registries.find_obstacle():
        pytest.skip(obstacle)
    certificate = make_certificate(tmp_path, address="127.0.0.1")
    async with registries.running_registry(tmp_path, certificate=certificate) as address:
        async with Registry.open(f"https://{address}", ca=certificate.ca) as registry:
            await registry.ping()
        async with Registry.open(f"https://{address}") as registry:
            with pytest.raises(RegistryUnavailableError, match="certificate"):
                await registry.ping()


async def test_a_registry_may_send_us_for_a_token() -> None:
    def read(request: Request) -> Response:
        if request.headers.get("Authorization") == "Bearer the-token":
            return JSONResponse({"config": {"digest": ABSENT}})
        realm = f'Bearer realm="{request.base_url}token",service="tests",scope="repository:a/b:pull"'
        return Response(status_code=401, headers={"WWW-Authenticate": realm})

    def give(request: Request) -> Response:
        wanted = (request.query_params["service"], request.query_params["scope"])
        is_known = request.headers["Authorization"].startswith("Basic ")
        ok = is_known and wanted == ("tests", "repository:a/b:pull")
        return JSONResponse({"token": "the-token"}) if ok else Response(status_code=401)

    app = Starlette(routes=[Route("/v2/a/b/manifests/1", read), Route("/token", give)])
    async with serving(app) as url, Registry.open(url, credentials=KNOWN) as registry:
        manifest = await registry.read_manifest("a/b:1")
    assert manifest is not None
    assert manifest.image == ABSENT
