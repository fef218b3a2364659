"""What a process measures of its database, its appends and its leases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from heliostat_core.contracts.events import LaunchCancelled
from heliostat_core.database import Database, DatabaseUnavailableError
from heliostat_core.eventstore import EventStore, NewEvent
from heliostat_core.ids import launch_stream
from heliostat_core.work import LeaseLostError, WorkQueue
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from tests.support.postgres import Postgres

SHORT = timedelta(milliseconds=150)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def measured(postgres: Postgres, database_name: str, registry: CollectorRegistry) -> AsyncIterator[Database]:
    url = SecretStr(postgres.url(database_name))
    async with Database.open(url, application="tests", registry=registry) as database:
        yield database


async def test_appends_are_timed_and_counted_by_kind(measured: Database, registry: CollectorRegistry) -> None:
    launch_id = uuid4()
    event = NewEvent(data=LaunchCancelled(launch_id=launch_id, cancelled_by="ada"), actor="ada")
    async with measured.transaction() as connection:
        await EventStore(database=measured).append(connection, launch_stream(launch_id), [event], expected=0)
        assert registry.get_sample_value("heliostat_database_connections") == 1
    assert registry.get_sample_value("heliostat_database_connections") == 0
    assert registry.get_sample_value("heliostat_events_appended_total", {"kind": "launch.cancelled.v1"}) == 1
    assert registry.get_sample_value("heliostat_event_append_duration_seconds_count") == 1
    assert registry.get_sample_value("heliostat_database_transaction_duration_seconds_count") == 1


async def test_a_database_that_is_away_is_counted(postgres: Postgres, registry: CollectorRegistry) -> None:
    url = SecretStr(postgres.url("nowhere").replace(str(postgres.socket), "/nonexistent"))
    async with Database.open(url, application="tests", registry=registry) as database:
        with pytest.raises(DatabaseUnavailableError):
            await database.ping()
    assert registry.get_sample_value("heliostat_database_failures_total") == 1


async def test_only_work_of_the_dead_counts_as_taken_over(measured: Database, registry: CollectorRegistry) -> None:
    queue = WorkQueue(database=measured, owner="a", duration=SHORT)
    async with measured.transaction() as connection:
        await queue.add(connection, kind="k", key="x")
    (given_back,) = await queue.claim("k")
    await queue.release(given_back)
    (abandoned,) = await queue.claim("k")
    assert registry.get_sample_value("heliostat_work_taken_over_total", {"kind": "k"}) == 0
    async with asyncio.timeout(10):
        while not await queue.claim("k"):
            await asyncio.sleep(0.02)
    assert registry.get_sample_value("heliostat_work_taken_over_total", {"kind": "k"}) == 1
    with pytest.raises(LeaseLostError):
        async with measured.transaction() as connection:
            await queue.finish(connection, abandoned)
    assert registry.get_sample_value("heliostat_leases_lost_total", {"kind": "k"}) == 1
