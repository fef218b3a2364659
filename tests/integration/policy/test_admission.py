"""Admission over HTTP: the limits, what a refusal says, and that simultaneous requests cannot pass a limit together."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from heliostat_core.contracts.events import Event, SessionCreated, SessionDeleted
from heliostat_core.contracts.policy import AdmissionAction, AdmissionRequest, AdmissionView, ServerFact
from heliostat_core.database import Database
from heliostat_core.eventstore import EventStore, NewEvent
from heliostat_core.ids import session_stream
from heliostat_core.metrics import create_registry
from heliostat_core.wakeups import Wakeups
from heliostat_policy.domain.document import read_policy
from heliostat_policy.domain.effective import PolicyInForce
from heliostat_policy.factory import build_store
from heliostat_policy.metrics import PolicyMetrics
from heliostat_policy.services.admission import AdmissionService
from heliostat_policy.services.clock import utc_now
from heliostat_policy.services.policies import PolicyService
from heliostat_policy.services.usage import UsageService
from heliostat_policy.storage.decisions import DecisionStorage
from heliostat_policy.storage.policies import PolicyStorage
from heliostat_policy.storage.reservations import ReservationStorage
from heliostat_policy.storage.usage import UsageStorage
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from tests.integration.policy.conftest import DECIDER, DEFAULT_POLICY, Replica

HAS_THREE = ["a", "b", "c"]


async def admit(client: httpx.AsyncClient, action: str, name: str | None, servers: list[str], **more: Any) -> Any:
    body = {"action": action, "user": "ada", "server_name": name, "servers": [{"name": item} for item in servers]}
    response = await client.post("api/v1/decisions/admission", headers=DECIDER, json=body | more)
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_name_that_is_too_long_is_refused_in_plain_words(policy: httpx.AsyncClient) -> None:
    answer = await admit(policy, "create", "abcdefghijklmnopqrstu", [])
    assert not answer["allowed"]
    assert answer["message"] == "Server name 'abcdefghijklmnopqrstu' is 21 characters long; at most 20 are allowed"
    assert answer["remedy"] == "Use a name of at most 20 characters."
    assert (answer["rule"], answer["field"], answer["limit"], answer["current"]) == (
        "server_name_length", "server_name", 20, 21,
    )  # fmt: skip


async def test_the_sixth_named_server_is_refused_with_the_five_that_are_there(policy: httpx.AsyncClient) -> None:
    answer = await admit(policy, "create", "f", ["", "a", "b", "c", "d", "e"])
    assert answer["message"] == "You have 5 of 5 named servers (a, b, c, d, e)"
    assert "Delete one of them" in answer["remedy"]


async def test_what_is_allowed_comes_with_the_rules_to_apply(policy: httpx.AsyncClient) -> None:
    answer = await admit(policy, "start", "a", HAS_THREE)
    assert answer["allowed"]
    assert (answer["rules"]["memory"], answer["rules"]["storage"]) == ("2GB", "2GiB")


async def test_a_server_admitted_a_moment_ago_counts_before_its_record_exists(policy: httpx.AsyncClient) -> None:
    answers = [await admit(policy, "create", name, HAS_THREE) for name in ("d", "e", "f")]
    assert [answer["allowed"] for answer in answers] == [True, True, False]
    assert "(a, b, c, d, e)" in answers[-1]["message"]


async def test_asking_again_for_the_same_server_takes_no_second_place(policy: httpx.AsyncClient) -> None:
    answers = [await admit(policy, "create", name, HAS_THREE) for name in ("d", "d", "d", "e", "d")]
    assert all(answer["allowed"] for answer in answers)


async def test_twenty_simultaneous_requests_on_two_replicas_get_the_two_places_left(replica: Replica) -> None:
    async with replica() as one, replica() as two:
        requests: list[Awaitable[Any]] = [
            admit(client, "create", f"new-{number}", HAS_THREE) for number, client in enumerate([one, two] * 10)
        ]
        answers = await asyncio.gather(*requests)
    assert sum(answer["allowed"] for answer in answers) == 2


class UnlockedReservations(ReservationStorage):
    """What the race looks like without the lock: everybody counts before anybody reserves."""

    def __init__(self, *, together: int) -> None:
        super().__init__(duration=timedelta(seconds=60))
        self._barrier = asyncio.Barrier(together)

    @override
    async def lock(self, connection: AsyncConnection, user: str) -> None:
        """Do not lock."""

    @override
    async def list_names(self, connection: AsyncConnection, user: str) -> frozenset[str]:
        names = await super().list_names(connection, user)
        await self._barrier.wait()
        return names


def build_admission(database: Database, reservations: ReservationStorage) -> AdmissionService:
    source = DEFAULT_POLICY.read_text()
    store, metrics = build_store(database), PolicyMetrics(create_registry())
    policies = PolicyService(
        database=database,
        policies=PolicyStorage(store=store),
        usage=UsageStorage(),
        wakeups=Wakeups(database=database),
        metrics=metrics,
        initial=PolicyInForce(version=1, source=source, document=read_policy(source)),
    )
    return AdmissionService(
        database=database,
        policies=policies,
        usage=UsageService(
            database=database, store=store, usage=UsageStorage(), reservations=reservations, metrics=metrics
        ),
        reservations=reservations,
        decisions=DecisionStorage(store=store),
        metrics=metrics,
        clock=utc_now,
    )


async def test_without_the_lock_too_many_would_be_allowed(database: Database) -> None:
    admission = build_admission(database, UnlockedReservations(together=6))
    servers = [ServerFact(name=name) for name in HAS_THREE]
    requests = [
        AdmissionRequest(action=AdmissionAction.CREATE, user="ada", server_name=f"new-{number}", servers=servers)
        for number in range(6)
    ]
    answers = await asyncio.gather(*(admission.admit(item, by="test", correlation_id=None) for item in requests))
    assert sum(answer.allowed for answer in answers) > 2


async def test_a_reservation_expires(policy: httpx.AsyncClient, database: Database) -> None:
    for name in ("d", "e"):
        await admit(policy, "create", name, HAS_THREE)
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE reservations SET expires_at = now() - interval '1 second'"))
    assert (await admit(policy, "create", "f", HAS_THREE))["allowed"]


async def test_a_list_that_is_a_moment_old_still_sees_servers_that_have_appeared(policy: httpx.AsyncClient) -> None:
    await admit(policy, "create", "d", HAS_THREE)
    await admit(policy, "create", "e", [*HAS_THREE, "d"])
    assert not (await admit(policy, "create", "f", HAS_THREE))["allowed"]


@pytest.mark.parametrize("simulate", [False, True], ids=["binding", "asked ahead"])
async def test_a_place_is_free_as_soon_as_a_deletion_is_recorded(database: Database, *, simulate: bool) -> None:
    """Although the server was admitted a moment ago, and no background job has read of its deletion."""
    admission = build_admission(database, ReservationStorage(duration=timedelta(minutes=1)))

    async def ask(name: str, *, simulate: bool = False) -> AdmissionView:
        servers = [ServerFact(name=each) for each in [*HAS_THREE, "d"]]
        request = AdmissionRequest(
            action=AdmissionAction.CREATE, user="ada", server_name=name, servers=servers, simulate=simulate
        )
        return await admission.admit(request, by="test", correlation_id=None)

    assert (await ask("e")).allowed
    assert not (await ask("f")).allowed
    session_id = uuid4()
    events: list[Event] = [
        SessionCreated(session_id=session_id, user="ada", server_name="e", origin="hub"),
        SessionDeleted(session_id=session_id, observed_at=datetime.now(UTC)),
    ]
    async with database.transaction() as connection:
        new = [NewEvent(data=event, actor="ada") for event in events]
        await EventStore(database=database).append(connection, session_stream(session_id), new, expected=0)
    assert (await ask("f", simulate=simulate)).allowed
    async with database.transaction() as connection:
        reserved = set(await connection.scalars(text("SELECT server_name FROM reservations")))
    assert reserved == (set() if simulate else {"f"})


async def test_every_verdict_is_recorded_with_its_inputs(policy: httpx.AsyncClient, database: Database) -> None:
    correlation_id, session_id = str(uuid4()), str(uuid4())
    made = await admit(
        policy, "create", "f", ["a", "b", "c", "d", "e"],
        correlation_id=correlation_id, session_id=session_id, groups=["hpc"],
    )  # fmt: skip
    response = await policy.get(f"api/v1/decisions/{made['decision_id']}", headers=DECIDER)
    decision = response.json()
    assert (decision["verdict"], decision["rule"], decision["policy_version"]) == ("refuse", "named_servers", 1)
    assert (decision["facts"]["limit"], decision["facts"]["current"]) == (5, 5)
    assert decision["facts"]["groups"] == ["hpc"]
    assert decision["facts"]["observed_at"]
    async with database.transaction() as connection:
        statement = text("SELECT actor FROM events WHERE correlation_id = CAST(CAST(:id AS text) AS uuid)")
        assert (await connection.scalars(statement, {"id": correlation_id})).all() == ["sessions"]
    for action, name in (("build", None), ("start", "a"), ("rename", "b"), ("share", "a")):
        assert (await admit(policy, action, name, HAS_THREE, share_with="user bob"))["allowed"]
    answer = (await policy.get("api/v1/decisions", headers=DECIDER, params={"user": "ada"})).json()
    assert [item["action"] for item in answer["decisions"]] == ["share", "rename", "start", "build", "create"]
    assert answer["decisions"][0]["facts"]["share_with"] == "user bob"


async def test_what_is_only_asked_is_neither_recorded_nor_reserved(policy: httpx.AsyncClient) -> None:
    asked = [await admit(policy, "create", name, HAS_THREE, simulate=True) for name in ("d", "e", "f", "x" * 21)]
    assert [answer["allowed"] for answer in asked] == [True, True, True, False]
    assert (asked[-1]["rule"], asked[-1]["decision_id"]) == ("server_name_length", None)
    answer = (await policy.get("api/v1/decisions", headers=DECIDER, params={"user": "ada"})).json()
    assert answer["decisions"] == []


@pytest.mark.parametrize("action", ["create", "start", "rename"])
async def test_a_request_about_no_server_is_refused(policy: httpx.AsyncClient, action: str) -> None:
    body = {"action": action, "user": "ada"}
    response = await policy.post("api/v1/decisions/admission", headers=DECIDER, json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
