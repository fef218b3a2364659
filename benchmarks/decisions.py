"""Decisions per second in one process: as pure functions, and over HTTP with what is recorded committed to disk."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import uuid4

import httpx
from heliostat_core.contracts.policy import AdmissionAction, IdleFacts
from heliostat_policy.domain.admission import AdmissionFacts, decide_admission
from heliostat_policy.domain.document import read_policy
from heliostat_policy.domain.effective import PolicyInForce
from heliostat_policy.domain.idle import decide_idle

from tests.support.hub import running_hub
from tests.support.postgres import Postgres, running_postgres

from .figures import Figure, run
from .machine import ROOT
from .services import CALLER_TOKEN, ServiceProcess, build_policy_settings, running_service

_LIMIT = timedelta(seconds=60)
_DURATION = timedelta(seconds=2)
_BATCH = 500
_USERS = 2000
_ASKERS = 8
_GOAL = 2000


def measure_decisions() -> Sequence[Figure]:
    """Measure decisions on many users, so that what is remembered of one does not answer for the next."""
    with running_postgres(durable=True) as postgres:
        return [_measure_pure(), *run(_measure_http(postgres), limit=_LIMIT)]


async def _measure_http(postgres: Postgres) -> list[Figure]:
    database = await postgres.create_database()
    async with running_hub() as hub:
        settings = build_policy_settings(postgres=postgres, database=database, hub_url=hub.url)
        async with running_service("policy", settings, base_path="/services/policy/") as policy:
            return await _measure_service(policy)


def _measure_pure() -> Figure:
    source = (ROOT / "deploy" / "policy" / "default.yaml").read_text()
    policy = PolicyInForce(version=1, source=source, document=read_policy(source))
    now = datetime.now(UTC)
    asked = [_make_admission(number) for number in range(_USERS)]
    idle = [_make_idle(number, now) for number in range(_USERS)]
    decided = 0
    begun = perf_counter()
    while perf_counter() - begun < _DURATION.total_seconds():
        for number in range(_USERS):
            decide_admission(policy, asked[number])
            decide_idle(policy, idle[number], now)
        decided += 2 * _USERS
    return Figure("decisions as pure functions", decided / (perf_counter() - begun), "/s", at_least=_GOAL)


async def _measure_service(policy: ServiceProcess) -> list[Figure]:
    headers = {"Authorization": f"Bearer {CALLER_TOKEN}"}
    async with httpx.AsyncClient(base_url=policy.url, headers=headers, timeout=20, trust_env=False) as client:
        idle = await _measure_idle(client)
        admission = await _measure_admission(client)
    return [
        Figure(f"idle verdicts over HTTP, batches of {_BATCH}", idle, "/s", at_least=_GOAL),
        Figure(f"admissions over HTTP, {_ASKERS} askers, each recorded", admission, "/s"),
    ]


async def _measure_idle(client: httpx.AsyncClient) -> float:
    now = datetime.now(UTC)
    body = {"sessions": [_make_idle(number, now).model_dump(mode="json") for number in range(_BATCH)]}
    request = client.build_request("POST", "api/v1/decisions/idle", json=body)
    decided = 0
    begun = perf_counter()
    while perf_counter() - begun < _DURATION.total_seconds():
        answer = await client.post("api/v1/decisions/idle", content=request.content, headers=request.headers)
        answer.raise_for_status()
        decided += len(answer.json()["decisions"])
    return decided / (perf_counter() - begun)


async def _measure_admission(client: httpx.AsyncClient) -> float:
    decided = 0
    begun = perf_counter()

    async def ask(asker: int) -> None:
        nonlocal decided
        number = asker
        while perf_counter() - begun < _DURATION.total_seconds():
            servers = [{"name": f"s{server}"} for server in range(3)]
            body = {"action": "start", "user": f"user-{number}", "server_name": "s1", "servers": servers}
            (await client.post("api/v1/decisions/admission", json=body)).raise_for_status()
            decided += 1
            number += _ASKERS

    await asyncio.gather(*(ask(asker) for asker in range(_ASKERS)))
    return decided / (perf_counter() - begun)


def _make_admission(number: int) -> AdmissionFacts:
    servers = frozenset(f"s{server}" for server in range(number % 7))
    return AdmissionFacts(action=AdmissionAction.CREATE, user=f"user-{number}", server_name="new", servers=servers)


def _make_idle(number: int, now: datetime) -> IdleFacts:
    """Make a server that was used within the last hour, so that nothing is to be done with it."""
    return IdleFacts(
        session_id=uuid4(),
        user=f"user-{number}",
        groups=["astronomers"],
        server_name="survey",
        repository="https://git.example/astro/survey",
        running=True,
        started_at=now - timedelta(hours=5),
        last_activity=now - timedelta(seconds=number % 3600),
        activity_source="kernel",
        observed_at=now,
    )
