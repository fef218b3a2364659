"""Idle verdicts over HTTP: what is recorded, once, and how it reads afterwards."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from heliostat_core.database import Database
from sqlalchemy import text

from tests.integration.policy.conftest import DECIDER, Replica, SettableClock

HOUR = timedelta(hours=1)


def facts(now: datetime, *, idle: timedelta, user: str = "ada", **more: Any) -> dict[str, Any]:
    return {
        "session_id": str(uuid4()),
        "user": user,
        "server_name": "demo",
        "running": True,
        "started_at": (now - 10 * HOUR).isoformat(),
        "last_activity": (now - idle).isoformat(),
        "activity_source": "kernel",
        "observed_at": now.isoformat(),
    } | more


async def judge(client: httpx.AsyncClient, *sessions: dict[str, Any], simulate: bool = False) -> list[dict[str, Any]]:
    body = {"sessions": list(sessions), "simulate": simulate}
    response = await client.post("api/v1/decisions/idle", headers=DECIDER, json=body)
    assert response.status_code == 200, response.text
    return list(response.json()["decisions"])


async def count_events(database: Database) -> int:
    async with database.transaction() as connection:
        statement = text("SELECT count(*) FROM events WHERE kind = 'decision.made.v1'")
        return int((await connection.execute(statement)).scalar_one())


async def test_a_batch_is_answered_in_its_order_and_only_what_is_acted_on_is_recorded(
    policy: httpx.AsyncClient, clock: SettableClock, database: Database
) -> None:
    busy, warned, idle = (facts(clock.now, idle=idle) for idle in (HOUR, 1.95 * HOUR, 2.5 * HOUR))
    answers = await judge(policy, busy, warned, idle)
    assert [answer["verdict"] for answer in answers] == ["keep", "warn", "stop"]
    assert [answer["session_id"] for answer in answers] == [item["session_id"] for item in (busy, warned, idle)]
    assert [answer["decision_id"] is None for answer in answers] == [True, False, False]
    assert await count_events(database) == 2


async def test_why_a_server_was_stopped_can_be_read(
    policy: httpx.AsyncClient, clock: SettableClock, ada: dict[str, str]
) -> None:
    idle = facts(clock.now, idle=2.5 * HOUR)
    await judge(policy, idle)
    response = await policy.get("api/v1/decisions", headers=ada, params={"session": idle["session_id"]})
    (decision,) = response.json()["decisions"]
    assert decision["message"] == "No activity for 2h 30min (the last was kernel); the limit is 2h"
    assert (decision["rule"], decision["facts"]["limit"], decision["facts"]["source"]) == (
        "idle_timeout", "2h", "default",
    )  # fmt: skip


async def test_the_same_verdict_on_the_same_idle_period_is_recorded_once_whoever_asks(
    replica: Replica, clock: SettableClock, database: Database
) -> None:
    session = facts(clock.now, idle=1.9 * HOUR)
    async with replica() as one, replica() as two:
        first = [await judge(client, session) for client in (one, two, one)]
        assert len({answer["decision_id"] for (answer,) in first}) == 1
        assert await count_events(database) == 1
        session |= {"last_activity": (clock.now - 1.95 * HOUR / 1.01).isoformat()}
        await judge(one, session)
    assert await count_events(database) == 2


async def test_a_simulation_records_nothing(
    policy: httpx.AsyncClient, clock: SettableClock, database: Database
) -> None:
    (answer,) = await judge(policy, facts(clock.now, idle=3 * HOUR), simulate=True)
    assert (answer["verdict"], answer["decision_id"]) == ("stop", None)
    assert await count_events(database) == 0


async def test_a_full_batch_of_stops_is_recorded(
    policy: httpx.AsyncClient, clock: SettableClock, database: Database
) -> None:
    answers = await judge(policy, *(facts(clock.now, idle=3 * HOUR, user=f"user-{n}") for n in range(2000)))
    assert len({answer["decision_id"] for answer in answers}) == 2000
    assert await count_events(database) == 2000


async def test_a_larger_batch_is_refused(policy: httpx.AsyncClient, clock: SettableClock) -> None:
    body = {"sessions": [facts(clock.now, idle=HOUR)] * 2001}
    response = await policy.post("api/v1/decisions/idle", headers=DECIDER, json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_a_server_that_is_warned_is_stopped_when_its_time_comes(
    policy: httpx.AsyncClient, clock: SettableClock
) -> None:
    session = facts(clock.now, idle=1.95 * HOUR)
    (warned,) = await judge(policy, session)
    clock.advance(timedelta(minutes=4))
    (stopped,) = await judge(policy, session | {"observed_at": clock.now.isoformat()})
    assert (warned["verdict"], stopped["verdict"]) == ("warn", "stop")
    assert warned["stop_at"] == stopped["stop_at"]
