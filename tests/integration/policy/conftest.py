"""The policy service as its callers see it: over HTTP, on a real Postgres, as its own role."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from heliostat_core.config import CallerConfig
from heliostat_policy.config import PolicyConfig
from heliostat_policy.main import create_app

from tests.support.hub import FakeHub
from tests.support.postgres import Postgres
from tests.support.server import connecting, serving

SERVICE_TOKEN = "token-of-sessions"
DECIDER = {"Authorization": f"Bearer {SERVICE_TOKEN}"}
DEFAULT_POLICY = Path(__file__).parents[3] / "deploy" / "policy" / "default.yaml"

Replica = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]


async def wait_until(check: Callable[[], Awaitable[bool]], *, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not await check():
            await asyncio.sleep(0.05)


class SettableClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, duration: timedelta) -> None:
        self.now += duration


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def config(postgres: Postgres, database_name: str, hub: FakeHub) -> PolicyConfig:
    caller = CallerConfig(
        name="sessions",
        token_sha256=hashlib.sha256(SERVICE_TOKEN.encode()).hexdigest(),
        scopes=frozenset({"decide"}),
    )
    return PolicyConfig(
        database_url=postgres.url(database_name, role="heliostat_policy"),
        port=1,
        hub_api_url=hub.url,
        hub_api_token="token-of-policy",
        public_url="http://127.0.0.1:8000",
        callers=(caller,),
        default_policy=DEFAULT_POLICY,
    )


@pytest.fixture
def replica(config: PolicyConfig, clock: SettableClock) -> Replica:
    """Start one more replica of the service and give a client whose base is the service's own."""

    @asynccontextmanager
    async def start() -> AsyncIterator[httpx.AsyncClient]:
        async with (
            serving(create_app(config, clock=clock)) as url,
            connecting(f"{url}/services/policy/") as client,
        ):
            yield client

    return start


@pytest.fixture
async def policy(replica: Replica) -> AsyncIterator[httpx.AsyncClient]:
    async with replica() as client:
        yield client


@pytest.fixture
def admin(hub: FakeHub) -> dict[str, str]:
    return hub.add_user("root", admin=True)


@pytest.fixture
def ada(hub: FakeHub) -> dict[str, str]:
    return hub.add_user("ada", groups=("hpc",))


@pytest.fixture
def bob(hub: FakeHub) -> dict[str, str]:
    return hub.add_user("bob")
