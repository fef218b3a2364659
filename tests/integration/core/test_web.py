"""What every service's HTTP face does."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from heliostat_core.database import Database, DatabaseUnavailableError
from heliostat_core.errors import ClientError
from heliostat_core.sse import BadEventIdError, read_event_id
from heliostat_core.supervisor import Job, Supervisor
from heliostat_core.wakeups import Wakeups
from heliostat_core.web import MAX_BODY, create_health_router, create_metrics_router, create_service_app
from prometheus_client import CollectorRegistry


class _TooManyError(ClientError):
    code = "too_many"
    status = 409

    def __init__(self) -> None:
        super().__init__("You have 5 of 5", field="name", remedy="Delete one.", details={"limit": 5})


def _client(*, missing: list[str] | None) -> httpx.AsyncClient:
    """Make a client of a service that misses these; None: its database."""
    registry = CollectorRegistry()
    app = create_service_app(title="test", base_path="/services/test/", registry=registry)

    async def readiness() -> list[str]:
        if missing is None:
            raise DatabaseUnavailableError
        return missing

    app.include_router(create_health_router(readiness=readiness))
    app.include_router(create_metrics_router(registry=registry, readiness=readiness))

    @app.get("/services/test/refuse")
    async def refuse(number: int = 0) -> None:
        raise _TooManyError

    @app.get("/services/test/break")
    async def break_() -> None:
        raise ValueError("a secret")

    @app.post("/services/test/count")
    async def count(numbers: list[int]) -> int:
        return len(numbers)

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_a_refusal_has_code_field_remedy_and_request_id() -> None:
    async with _client(missing=[]) as client:
        answer = await client.get("/services/test/refuse")
    body = answer.json()
    assert (answer.status_code, body["code"], body["field"], body["remedy"]) == (409, "too_many", "name", "Delete one.")
    assert body["details"] == {"limit": 5}
    assert body["request_id"] == answer.headers["x-request-id"]


async def test_a_body_is_read_only_up_to_its_limit() -> None:
    sent = 0

    async def send_without_end() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b"["
        while True:
            sent += 2**20
            yield b"0," * 2**19

    async with _client(missing=[]) as client:
        answer = await client.post("/services/test/count", content=send_without_end())
        small = await client.post("/services/test/count", json=[1, 2])
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
    assert sent <= MAX_BODY + 2**20
    assert small.json() == 2


async def test_a_bug_shows_nothing_of_the_inside() -> None:
    async with _client(missing=[]) as client:
        answer = await client.get("/services/test/break")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("path", "status", "code"), [("refuse?number=x", 422, "invalid_request"), ("nowhere", 404, "not_found")]
)
async def test_errors_of_the_framework_have_the_same_shape(path: str, status: int, code: str) -> None:
    async with _client(missing=[]) as client:
        answer = await client.get(f"/services/test/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_readiness_names_what_is_missing() -> None:
    async with _client(missing=["a job"]) as client:
        answer = await client.get("/readyz")
        assert (await client.get("/healthz")).json() == {"ok": True}
    assert (answer.status_code, answer.json()["missing"]) == (503, ["a job"])


@pytest.mark.parametrize(("missing", "ready", "database"), [([], 1.0, 1.0), (["a job"], 0.0, 1.0), (None, 0.0, 0.0)])
async def test_metrics_say_what_readiness_says_also_without_a_database(
    missing: list[str] | None, ready: float, database: float
) -> None:
    async with _client(missing=missing) as client:
        answer = await client.get("/metrics")
        assert (await client.get("/readyz")).status_code == (200 if ready else 503)
    assert answer.status_code == 200
    assert {f"heliostat_ready {ready}", f"heliostat_database_reachable {database}"} <= set(answer.text.splitlines())


async def test_requests_are_counted_by_route_template() -> None:
    async with _client(missing=[]) as client:
        await client.get("/services/test/refuse")
        text = (await client.get("/metrics")).text
    assert 'heliostat_http_requests_total{method="GET",route="/services/test/refuse",status="409"} 1.0' in text


@pytest.mark.parametrize("value", ["x", "1.2.3", "-1", "1.", "9" * 30, "²"])
def test_event_ids_of_another_stream_are_refused(value: str) -> None:
    with pytest.raises(BadEventIdError):
        read_event_id(value, parts=1)


def test_the_header_wins_over_the_query() -> None:
    assert read_event_id("3.4", "1.2", parts=2) == (3, 4)
    assert read_event_id(None, "1.2", parts=2) == (1, 2)
    assert read_event_id(None, None, parts=2) is None


async def test_a_failing_job_is_counted_and_tried_again() -> None:
    registry = CollectorRegistry()
    runs: list[int] = []

    async def work() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("once")

    async with Supervisor(registry=registry).running([Job("job", timedelta(milliseconds=10), work)]):
        while len(runs) < 3:
            await asyncio.sleep(0.01)
    labels = {"task": "job", "outcome": "failure"}
    assert registry.get_sample_value("heliostat_job_runs_total", labels) == 1
    assert registry.get_sample_value("heliostat_job_fresh", {"task": "job"}) == 1
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "job"]


async def test_the_age_of_a_jobs_last_success_is_seen() -> None:
    registry = CollectorRegistry()
    regular = Job("regular", timedelta(seconds=1), asyncio.Event().wait)
    endless = Job("endless", timedelta(seconds=1), asyncio.Event().wait, endless=True)
    async with Supervisor(registry=registry).running([regular, endless]):
        regular.last_success -= 100
        endless.failing_since = regular.last_success
        for name in ("regular", "endless"):
            assert registry.get_sample_value("heliostat_job_fresh", {"task": name}) == 0
            age = registry.get_sample_value("heliostat_job_success_age_seconds", {"task": name})
            assert age is not None
            assert age >= 100
        endless.failing_since = None
        assert registry.get_sample_value("heliostat_job_success_age_seconds", {"task": "endless"}) == 0


async def test_another_process_hears_an_announcement(database: Database) -> None:
    here, there = Wakeups(database=database), Wakeups(database=database)
    async with asyncio.timeout(20):
        tasks = [asyncio.create_task(here.send()), asyncio.create_task(there.listen())]
        waiting = asyncio.create_task(there.wait("topic", at_most=timedelta(seconds=15)))
        while not waiting.done():
            here.announce("topic")
            await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
