"""The builder as its callers see it: over HTTP, with a real git server, a real uv and a real Postgres."""

import asyncio
import hashlib
import json
import os
import secrets
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from heliostat_builder.config import BuilderConfig
from heliostat_builder.main import create_app
from heliostat_core.config import CallerConfig
from heliostat_core.contracts.policy import AdmissionRequest

from tests.support.gitserver import GitServer, running_git_server
from tests.support.hub import FakeHub
from tests.support.peers import RULES
from tests.support.postgres import Postgres
from tests.support.server import connecting, serving

SERVICE_TOKEN = "token-of-sessions"
SESSIONS = {"Authorization": f"Bearer {SERVICE_TOKEN}"}

Replica = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@dataclass
class StubPolicy:
    """Admits builds, or not; remembers what it was asked."""

    app: FastAPI = field(default_factory=FastAPI)
    allows: bool = True
    asked: list[AdmissionRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app.post("/services/policy/api/v1/decisions/admission")(self._post)

    async def _post(self, body: AdmissionRequest) -> Any:
        self.asked.append(body)
        return {
            "decision_id": "00000000-0000-0000-0000-000000000001",
            "allowed": self.allows,
            "rule": "launches",
            "policy_version": 7,
            "message": "Launching repositories is switched off",
            "remedy": "Ask the operator.",
            "field": "repo",
            "limit": None,
            "current": None,
            "rules": RULES.model_dump(mode="json"),
        }


@pytest.fixture
def git() -> Iterator[GitServer]:
    with running_git_server() as server:
        yield server


@pytest.fixture
def policy() -> StubPolicy:
    return StubPolicy()


@pytest.fixture
async def policy_url(policy: StubPolicy) -> AsyncIterator[str]:
    async with serving(policy.app) as url:
        yield f"{url}/services/policy/"


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two tiny wheels, for repositories to depend on without an index."""
    directory = tmp_path_factory.mktemp("wheels")
    directory.parent.chmod(0o755)
    directory.chmod(0o755)
    for name, requires in (("lens", ""), ("mirror", "Requires-Dist: lens>=1.0\n")):
        for version in ("1.0", "2.0"):
            build_wheel(directory, name, version, requires)
    return directory


def build_wheel(directory: Path, name: str, version: str, requires: str = "") -> None:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state directory for all tests, so that packages are downloaded once; each test has its own database."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def new_requirement(wheels: Path) -> str:
    """A requirement nobody had before, so that there is no environment for it."""
    name = f"fresh{secrets.token_hex(6)}"
    build_wheel(wheels, name, "1.0")
    return name


@pytest.fixture
def settings(
    postgres: Postgres, database_name: str, hub: FakeHub, policy_url: str, state: Path, wheels: Path, git: GitServer
) -> dict[str, Any]:
    passed = {name: os.environ[name] for name in ("SSL_CERT_FILE", "UV_INDEX_URL") if name in os.environ}
    caller = CallerConfig(
        name="sessions",
        token_sha256=hashlib.sha256(SERVICE_TOKEN.encode()).hexdigest(),
        scopes=frozenset({"build"}),
    )
    return {
        "database_url": postgres.url(database_name, role="heliostat_builder"),
        "port": 1,
        "hub_api_url": hub.url,
        "hub_api_token": "token-of-builder",
        "public_url": "http://127.0.0.1:8000",
        "callers": (caller,),
        "policy_url": policy_url,
        "policy_token": "token-of-builder",
        "state_directory": state,
        "allowed_private_networks": ("127.0.0.0/8",),
        "build_environment": {**passed, "UV_FIND_LINKS": str(wheels)},
        "build_readable_paths": (wheels,),
        "github_url": git.url,
        "github_api_url": "http://127.0.0.1:9",
        "gitlab_url": "http://127.0.0.1:9",
        "doi_url": "http://127.0.0.1:9",
        "build_compiles": False,
        "minimum_free_space": "1MiB",
    }


@pytest.fixture
def replica(settings: dict[str, Any]) -> Replica:
    """Start one more replica of the service and give a client whose base is the service's own."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[httpx.AsyncClient]:
        config = BuilderConfig(**{**settings, **changes})
        async with (
            serving(create_app(config)) as url,
            connecting(f"{url}/services/builder/") as client,
        ):
            yield client

    return start


@pytest.fixture
async def builder(replica: Replica) -> AsyncIterator[httpx.AsyncClient]:
    async with replica() as client:
        yield client


@pytest.fixture
def ada(hub: FakeHub) -> dict[str, str]:
    return hub.add_user("ada")


@pytest.fixture
def admin(hub: FakeHub) -> dict[str, str]:
    return hub.add_user("root", admin=True)


async def wait_until(check: Callable[[], Awaitable[bool]], *, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await check():
            await asyncio.sleep(0.05)


async def follow(
    client: httpx.AsyncClient, build_id: str, headers: dict[str, str], *, after: int | None = None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Read a build's log to its end; return the lines and how it ended, and check every id on the way."""
    lines: list[dict[str, Any]] = []
    event_id = ""
    resume = {"Last-Event-ID": str(after)} if after is not None else {}
    path = f"api/v1/builds/{build_id}/log"
    async with client.stream("GET", path, headers={**headers, **resume}) as response:
        assert response.status_code == 200, await response.aread()
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                event_id = line[4:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
                if data.get("final"):
                    return lines, data
                assert event_id == str(data["number"])
                lines.append(data)
    raise AssertionError("the log ended without saying how the build ended")


async def build(client: httpx.AsyncClient, headers: dict[str, str], repo: str, ref: str = "HEAD") -> dict[str, Any]:
    """Request a build, follow it to its end, and return it."""
    response = await client.post("api/v1/builds", json={"repo": repo, "ref": ref}, headers=headers)
    assert response.status_code == 202, response.text
    await follow(client, response.json()["id"], headers)
    return (await client.get(f"api/v1/builds/{response.json()['id']}", headers=headers)).json()
