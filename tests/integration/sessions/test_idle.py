"""Activity reports and idle stops: what is stopped, and everything that must not be."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from heliostat_core.auth import HubUnavailableError
from heliostat_core.clients import PeerUnavailableError
from heliostat_core.contracts.policy import IdleFacts
from sqlalchemy import text

from .conftest import Service, World


async def test_a_server_reports_only_for_itself(world: World, service: Service) -> None:
    alice, server = world.add_user("alice"), world.hub.add_server("alice", "one")
    await _run(world, service, "alice", "one")
    now = datetime.now(UTC)
    kernel = (now - timedelta(minutes=5)).isoformat()
    await _age(world, timedelta(hours=1))
    report = {"started_at": kernel, "last_kernel": (now - timedelta(minutes=2)).isoformat(), "sent_at": kernel}
    assert (await service.client.post("api/v1/activity", json=report, headers=server)).status_code == 204
    view = (await service.client.get("api/v1/sessions/one", headers=alice)).json()
    assert (view["activity_source"], view["last_activity"]) == (
        "kernel",
        (now - timedelta(minutes=2)).isoformat().replace("+00:00", "Z"),
    )
    assert (await service.client.post("api/v1/activity", json=report, headers=alice)).status_code == 403
    assert (await service.client.post("api/v1/activity", json=report)).status_code == 401
    assert (await service.client.get("api/v1/sessions", headers=server)).status_code == 403


async def test_a_clock_ahead_makes_nobody_active_in_the_future(world: World, service: Service) -> None:
    alice, server = world.add_user("alice"), world.hub.add_server("alice", "one")
    await _run(world, service, "alice", "one")
    future = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    report = {"started_at": future, "last_request": future, "sent_at": future}
    await service.client.post("api/v1/activity", json=report, headers=server)
    view = (await service.client.get("api/v1/sessions/one", headers=alice)).json()
    assert datetime.fromisoformat(view["last_activity"]) <= datetime.now(UTC)


async def test_small_moves_are_no_events(world: World, service: Service) -> None:
    world.add_user("alice")
    server = world.hub.add_server("alice", "one")
    await _run(world, service, "alice", "one")
    for _ in range(5):
        now = datetime.now(UTC).isoformat()
        await service.client.post("api/v1/activity", json=_report(now), headers=server)
    assert await _count(world, "session.activity_observed.v1") == 1  # the source changed from start to requests


async def test_an_idle_server_is_stopped_once_with_its_decision(world: World, service: Service) -> None:
    world.add_user("alice")
    await _run(world, service, "alice", "one")
    world.policy.verdict = lambda _: "stop"
    idle = service.process.factory.idle
    await idle.sweep()
    await idle.sweep()
    assert world.hub.servers.stops == [("alice", "one")]
    async with world.database.transaction() as connection:
        statement = text("SELECT data FROM events WHERE kind = 'session.stop_requested.v1'")
        (data,) = (await connection.execute(statement)).scalars()
    assert (data["reason"], data["decision_id"] is not None) == ("idle", True)


async def test_a_stop_that_the_hub_did_not_carry_out_is_asked_for_again(world: World, service: Service) -> None:
    world.add_user("alice")
    await _run(world, service, "alice", "one")
    world.policy.verdict = lambda _: "stop"
    world.hub.servers.fail_on("DELETE", 503, times=1)
    with pytest.raises(HubUnavailableError):
        await service.process.factory.idle.sweep()
    await service.process.factory.idle.sweep()
    assert world.hub.servers.stops == [("alice", "one")]


async def test_a_hub_that_takes_its_time_is_asked_for_several_stops_at_once(world: World, service: Service) -> None:
    world.add_user("alice")
    for name in ("one", "two", "three"):
        await _run(world, service, "alice", name)
    world.policy.verdict = lambda _: "stop"
    world.hub.servers.stops_wait_for = asyncio.Barrier(3)
    async with asyncio.timeout(20):
        await service.process.factory.idle.sweep()
    assert sorted(world.hub.servers.stops) == [("alice", "one"), ("alice", "three"), ("alice", "two")]


async def test_a_warning_is_given_once(world: World, service: Service) -> None:
    world.add_user("alice")
    await _run(world, service, "alice", "one")
    world.policy.verdict = lambda _: "warn"
    await service.process.factory.idle.sweep()
    await service.process.factory.idle.sweep()
    assert await _count(world, "session.idle_warned.v1") == 1


async def test_activity_between_verdict_and_stop_saves_the_server(world: World, service: Service) -> None:
    world.add_user("alice")
    await _run(world, service, "alice", "one")
    server = world.hub.servers.users["alice"]["one"]

    def judge(_: IdleFacts) -> str:
        server.started = datetime.now(UTC) + timedelta(seconds=30)  # somebody restarted it meanwhile
        return "stop"

    world.policy.verdict = judge
    await service.process.factory.idle.sweep()
    assert world.hub.servers.stops == []


@pytest.mark.parametrize("away", ["reports", "hub", "policy"])
async def test_nothing_is_stopped_on_missing_data(world: World, service: Service, away: str) -> None:
    world.add_user("alice")
    await _run(world, service, "alice", "one")
    world.policy.verdict = lambda _: "stop"
    idle = service.process.factory.idle
    if away == "reports":
        await _age(world, timedelta(minutes=4))
        await idle.sweep()
        assert world.policy.judged == []
    elif away == "hub":
        world.hub.servers.fail_on("GET", 503, times=1)
        with pytest.raises(Exception, match="JupyterHub cannot be reached"):
            await idle.sweep()
    else:
        world.policy.down = True
        with pytest.raises(PeerUnavailableError):
            await idle.sweep()
    assert world.hub.servers.stops == []


async def test_the_hubs_word_counts_only_after_a_long_silence(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    await _run(world, service, "alice", "one")
    reconciler = service.process.factory.reconciler
    world.hub.servers.users["alice"]["one"].last_activity = datetime.now(UTC)
    await _age(world, timedelta(minutes=20))
    world.hub.servers.users["alice"]["one"].started = None  # let no restart be seen: the ledger was aged, not the hub
    async with world.database.transaction() as connection:
        started = (await connection.execute(text("SELECT started_at FROM sessions"))).scalar_one()
    world.hub.servers.users["alice"]["one"].started = started
    await reconciler.reconcile()
    assert (await service.client.get("api/v1/sessions/one", headers=alice)).json()["activity_source"] == "start"
    reconciler._hub_since = datetime.now(UTC) - timedelta(minutes=20)
    await reconciler.reconcile()
    assert (await service.client.get("api/v1/sessions/one", headers=alice)).json()["activity_source"] == "hub"


async def test_a_sweep_judges_every_session_page_by_page(world: World, service: Service) -> None:
    async with world.database.transaction() as connection:
        await connection.exec_driver_sql(
            'INSERT INTO sessions (id, version, "user", server_name, origin, state, started_at, last_activity,'
            " activity_source, observed_at, created_at)"
            " SELECT gen_random_uuid(), 2, 'user-' || n, 'one', 'hub', 'running', now(), now(), 'start', now(), now()"
            " FROM generate_series(1, 2500) AS n"
        )
    await service.process.factory.idle.sweep()
    assert len(world.policy.judged) == 2500


async def _run(world: World, service: Service, user: str, name: str) -> None:
    world.hub.servers.add(user, name)
    await service.process.factory.reconciler.reconcile_user(user)


_AGE_SESSIONS = """
UPDATE sessions SET observed_at = observed_at - CAST(:by AS interval),
    last_activity = last_activity - CAST(:by AS interval), started_at = started_at - CAST(:by AS interval)
"""
_AGE_OBSERVATIONS = """
UPDATE observations SET observed_at = observed_at - CAST(:by AS interval),
    last_activity = last_activity - CAST(:by AS interval)
"""


async def _age(world: World, by: timedelta) -> None:
    """Make everything the ledger knows of sessions this much older."""
    async with world.database.transaction() as connection:
        for statement in (_AGE_SESSIONS, _AGE_OBSERVATIONS):
            await connection.execute(text(statement), {"by": by})


async def _count(world: World, kind: str) -> int:
    statement = text("SELECT count(*) FROM events WHERE kind = :kind")
    async with world.database.transaction() as connection:
        return int((await connection.execute(statement, {"kind": kind})).scalar_one())


def _report(now: str) -> dict[str, Any]:
    return {"started_at": "2026-01-01T00:00:00Z", "last_request": now, "sent_at": now}
