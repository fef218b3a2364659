"""The builder with the docker runtime, on the machine's engine: tiny wheels over HTTP, and images that are removed."""

import functools
import http.server
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from heliostat_containers import Containers, Engine, Images
from heliostat_core.database import Database
from heliostat_runtime import instance_name
from sqlalchemy import text

from tests.support.engine import CERTIFICATES

BRIDGE = "172.17.0.1"
"""Where containers on the engine's default network reach this host."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 as inherited
        pass


@pytest.fixture(scope="session")
def wheels_url(wheels: Path, engine_url: str) -> Iterator[str]:
    """The wheels, where containers can get them."""
    server = http.server.ThreadingHTTPServer((BRIDGE, 0), functools.partial(_Quiet, directory=str(wheels)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{BRIDGE}:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def wheel_cache(state: Path, engine_url: str) -> Iterator[None]:
    yield
    name = f"heliostat-wheels-{instance_name(state)}"
    subprocess.run(["docker", "volume", "rm", "--force", name], capture_output=True, check=True)


@pytest.fixture
def settings(
    settings: dict[str, Any], lab_image: str, engine_url: str, wheels_url: str, wheel_cache: None
) -> dict[str, Any]:
    passed = {name: value for name, value in settings["build_environment"].items() if name != "SSL_CERT_FILE"}
    return {
        **settings,
        "runtime": "docker",
        "engine_url": engine_url,
        "base_image": lab_image,
        "build_environment": {**passed, "UV_FIND_LINKS": wheels_url},
        "build_certificates": CERTIFICATES if CERTIFICATES.exists() else None,
    }


@pytest.fixture(autouse=True)
async def removed_images(engine: Engine, database: Database) -> AsyncIterator[None]:
    """Remove every image and container of the test's builds; the containers should be gone already."""
    yield
    async with database.transaction() as connection:
        builds = [str(build) for build in await connection.scalars(text("SELECT id FROM builds"))]
    images, containers = Images(engine), Containers(engine)
    for build in builds:
        for container in await containers.list_({"heliostat.build": build}):
            await containers.remove(container.id)
        found = await images.list_briefly(f"heliostat.build={build}")
        for image in sorted(found, key=lambda image: image.labels["heliostat.role"]):  # what lies on top first
            for name in image.names:
                await images.remove(name)


def run_in(image: str, *command: str) -> str:
    """Run a program in an image, without a network, and return what it wrote."""
    argv = ["docker", "run", "--rm", "--network=none", image, *command]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
