"""Read models: following sessions, rebuilding from the log, refusing an old schema."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from heliostat_core.contracts.events import Event, SessionCreated, SessionDeleted, SessionStarted, SessionStopped
from heliostat_core.database import Database
from heliostat_core.eventstore import EventStore, NewEvent, Projection
from heliostat_core.ids import session_stream
from heliostat_core.metrics import create_registry
from heliostat_core.schema import decisions, policies, usage
from heliostat_core.schema.version import SchemaOutdatedError
from heliostat_core.serve import rebuild_read_models
from heliostat_policy.config import PolicyConfig
from heliostat_policy.factory import ProcessContext
from heliostat_policy.services.clock import utc_now
from heliostat_policy.services.usage import FOLLOWER
from heliostat_policy.storage.projections import DecisionProjection, PolicyProjection, UsageProjection
from sqlalchemy import select, text

from tests.integration.policy.conftest import DECIDER, DEFAULT_POLICY, wait_until

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TABLES = (policies, decisions, usage)


async def append_session(database: Database, name: str, *more: type[Event]) -> None:
    session_id = uuid4()
    events: list[Event] = [SessionCreated(session_id=session_id, user="ada", server_name=name, origin="api")]
    for kind in more:
        fields: dict[str, Any] = {"session_id": session_id}
        if kind is SessionStarted:
            fields |= {"started_at": NOW, "enforcement": []}
        else:
            fields |= {"observed_at": NOW}
        events.append(kind(**fields))
    async with database.transaction() as connection:
        new = [NewEvent(data=event, actor="ada") for event in events]
        await EventStore(database=database).append(connection, session_stream(session_id), new, expected=0)


async def read_tables(database: Database) -> dict[str, list[Any]]:
    async with database.transaction() as connection:
        return {
            table.name: [
                tuple(row) for row in await connection.execute(select(table).order_by(table.primary_key.columns[0]))
            ]
            for table in TABLES
        }


async def wait_for_usage(database: Database, expected: dict[str, bool]) -> None:
    async def is_there() -> bool:
        return {row[2]: row[3] for row in (await read_tables(database))["usage"]} == expected

    await wait_until(is_there)


async def test_usage_follows_sessions_from_creation_to_deletion(
    policy: httpx.AsyncClient, database: Database, ada: dict[str, str]
) -> None:
    await append_session(database, "", SessionStarted)
    await append_session(database, "running", SessionStarted)
    await append_session(database, "stopped", SessionStarted, SessionStopped)
    await append_session(database, "gone", SessionDeleted)
    await wait_for_usage(database, {"": True, "running": True, "stopped": False})
    view = (await policy.get("api/v1/policy", headers=ada)).json()
    assert view["usage"] == {"named_servers": 2, "named_servers_left": 3, "servers": ["", "running", "stopped"]}


async def test_the_lag_behind_the_log_is_measured(config: PolicyConfig, database: Database) -> None:
    registry = create_registry()
    lags: list[float | None] = []
    async with ProcessContext.open(config, registry=registry, clock=utc_now) as process:
        usage = process.factory.usage
        await usage.catch_up()
        await append_session(database, "new")
        async with database.transaction() as connection:
            await connection.execute(text("UPDATE events SET time = time - interval '1 minute'"))
        for act in (usage.measure_lag, usage.catch_up, usage.measure_lag):
            await act()
            lags.append(registry.get_sample_value("heliostat_follower_lag_seconds", {"follower": FOLLOWER}))
    before, _, after = lags
    assert before is not None
    assert before >= 60
    assert after == 0


async def test_rebuilding_from_the_log_gives_the_same_read_models(
    policy: httpx.AsyncClient, database: Database, config: PolicyConfig, admin: dict[str, str]
) -> None:
    for name in ("a", "b"):
        await append_session(database, name, SessionStarted)
        body = {"action": "start", "user": "ada", "server_name": name}
        await policy.post("api/v1/decisions/admission", headers=DECIDER, json=body)
    source = DEFAULT_POLICY.read_text().replace("cpu: 1", "cpu: 2")
    await policy.put("api/v1/policies", headers=admin, json={"source": source})
    await wait_for_usage(database, {"a": True, "b": True})
    before = await read_tables(database)
    projections: list[Projection] = [PolicyProjection(), DecisionProjection(), UsageProjection()]
    assert await rebuild_read_models("policy", config, projections=projections) == 8
    assert await read_tables(database) == before
    assert [len(rows) for rows in before.values()] == [2, 2, 2]


async def test_it_refuses_to_start_on_an_old_schema(config: PolicyConfig, database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    with pytest.raises(SchemaOutdatedError):
        async with ProcessContext.open(config, registry=create_registry(), clock=utc_now):
            pass
