"""The sessions service on loopback, on a real Postgres, with fakes of the hub, the builder and the policy service."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from heliostat_core.database import Database
from heliostat_sessions.config import BASE_PATH, SessionsConfig
from heliostat_sessions.factory import ProcessContext
from heliostat_sessions.main import create_app

from tests.support.hub import FakeHub
from tests.support.peers import FakeBuilder, FakePolicy
from tests.support.postgres import Postgres
from tests.support.server import connecting, serving

GRANT_KEY = "grant-key-of-the-tests"
BUILD_TOKEN_SECRET = "build-token-secret-of-the-tests-xxxx"


@dataclass
class Service:
    """A running replica: a client of it, and its inside for what tests must call or break."""

    client: httpx.AsyncClient
    process: ProcessContext
    url: str


@dataclass
class World:
    """Everything around the service."""

    config: SessionsConfig
    database: Database
    hub: FakeHub
    builder: FakeBuilder
    policy: FakePolicy
    stack: AsyncExitStack

    async def start(self, **changes: Any) -> Service:
        """Start another replica."""
        return await self.stack.enter_async_context(running(self.config.model_copy(update=changes)))

    def add_user(self, name: str, **options: Any) -> dict[str, str]:
        """Add a user of hub and service and return their headers."""
        self.hub.servers.add(name)
        return self.hub.add_user(name, **options)


@asynccontextmanager
async def running(config: SessionsConfig) -> AsyncIterator[Service]:
    """Serve one replica."""
    app = create_app(config)
    processes: list[ProcessContext] = []

    async def capture(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not processes:
            processes.append(scope["state"]["process"])
        await app(scope, receive, send)

    async with serving(capture) as url, connecting(url + BASE_PATH) as client:
        await client.get("healthz")
        yield Service(client=client, process=processes[0], url=url)


@pytest.fixture
async def world(
    postgres: Postgres, database_name: str, database: Database, hub: FakeHub, tmp_path: Path
) -> AsyncIterator[World]:
    builder, policy = FakeBuilder(database), FakePolicy()
    async with (
        serving(builder.app) as builder_url,
        serving(policy.app) as policy_url,
        AsyncExitStack() as stack,
    ):
        config = SessionsConfig(
            database_url=postgres.url(database_name, role="heliostat_sessions"),
            port=1,
            hub_api_url=hub.url,
            hub_api_token="hub-token",
            public_url="http://hub.example",
            builder_url=builder_url,
            builder_token="builder-token",
            policy_url=policy_url,
            policy_token="policy-token",
            grant_key=GRANT_KEY,
            cookie_secret="cookie-secret",
            build_token_secret=BUILD_TOKEN_SECRET,
            linger=timedelta(0),
            state_directory=tmp_path,
            reconcile_interval=timedelta(seconds=60),
            idle_sweep_interval=timedelta(seconds=60),
            measure_interval=timedelta(seconds=60),
        )
        await _hold_back_jobs(database)
        yield World(config, database, hub, builder, policy, stack)


async def _hold_back_jobs(database: Database) -> None:
    """Leave the jobs of one replica at a time to the tests, which call their work."""
    async with database.transaction() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO work_items (kind, key, available_at) SELECT 'job', name, now() + interval '1 day'"
            " FROM unnest(ARRAY['reconcile', 'idle-sweep', 'measure-storage', 'temporary-users']) AS name"
        )


@pytest.fixture
async def service(world: World) -> Service:
    """One replica."""
    return await world.start()


async def wait_until(read: Callable[[], Awaitable[Any]], accept: Callable[[Any], bool], *, seconds: float = 15) -> Any:
    """Read again and again until it is as expected."""
    async with asyncio.timeout(seconds):
        while True:
            value = await read()
            if accept(value):
                return value
            await asyncio.sleep(0.03)


async def wait_for_launch(service: Service, launch_id: str, headers: dict[str, str], *states: str) -> dict[str, Any]:
    """Wait until a launch is in one of these states, or in any final one."""

    async def read() -> dict[str, Any]:
        view: dict[str, Any] = (await service.client.get(f"api/v1/launches/{launch_id}", headers=headers)).json()
        return view

    wanted = states or ("ready", "refused", "failed", "cancelled")
    done: dict[str, Any] = await wait_until(read, lambda view: view["state"] in wanted)
    return done
