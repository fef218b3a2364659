"""Watchers of one build's log: a real builder process, rows that another process inserts, clients in a third."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from time import perf_counter, time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
from heliostat_core.contracts.builds import PlanDecision, PlanView

from tests.support.hub import running_hub
from tests.support.postgres import Postgres, running_postgres

from .figures import Figure, run
from .services import CALLER_TOKEN, ServiceProcess, build_settings, running_service

_LIMIT = timedelta(minutes=3)
_COUNTS = (200, 1000)
_LINES = 1000
_DURATION = 20.0
_PLAN = PlanView(
    provider="git", repo="https://git.example/astro/survey", ref="HEAD", commit="0" * 40, ref_url="", resolved_spec="",
    slug="survey", environment_id="e" * 32, content_id="c" * 32, image_id="i" * 32, decision=PlanDecision.FULL,
)  # fmt: skip


def measure_watchers() -> Sequence[Figure]:
    """Measure how late lines come, and what they cost the process that sends them."""
    with running_postgres(durable=True) as postgres:
        return run(_measure(postgres), limit=_LIMIT)


async def _measure(postgres: Postgres) -> list[Figure]:
    figures: list[Figure] = []
    for watchers in _COUNTS:
        async with _running_builder(postgres) as (builder, database):
            figures += await _measure_one(builder, database, watchers)
    return figures


@asynccontextmanager
async def _running_builder(postgres: Postgres) -> AsyncIterator[tuple[ServiceProcess, asyncpg.Connection]]:
    name = await postgres.create_database()
    with tempfile.TemporaryDirectory(prefix="hlbench-") as folder:
        async with running_hub() as hub:
            settings = build_settings("builder", postgres=postgres, database=name, hub_url=hub.url) | {
                "HELIOSTAT_BUILDER_POLICY_URL": "http://127.0.0.1:1/services/policy/",
                "HELIOSTAT_BUILDER_POLICY_TOKEN": "none",
                "HELIOSTAT_BUILDER_STATE_DIRECTORY": str(Path(folder) / "state"),
            }
            database = await asyncpg.connect(user="heliostat", database=name, host=str(postgres.socket))
            try:
                async with running_service("builder", settings, base_path="/services/builder/") as builder:
                    yield builder, database
            finally:
                await database.close()


async def _measure_one(builder: ServiceProcess, database: asyncpg.Connection, watchers: int) -> list[Figure]:
    build_id = await _insert_build(database)
    memory, cpu = builder.read_memory(), builder.read_cpu()
    client = await _start_client(builder, build_id, watchers)
    try:
        await _read_line(client)
        connected = builder.read_cpu()
        await _insert_lines(database, build_id)
        seen: dict[str, Any] = json.loads(await _read_line(client))
    finally:
        if client.returncode is None:
            client.kill()
        await client.wait()
    of = f"{watchers} watchers"
    return [
        Figure(f"{of}: got every line", seen["complete"], "", at_least=watchers),
        Figure(f"{of}: lines lost, doubled or out of order", watchers * _LINES - seen["received"] + seen["broken"], ""),
        Figure(f"{of}: lag p50", seen["p50"] * 1000, "ms"),
        Figure(f"{of}: lag p99", seen["p99"] * 1000, "ms", at_most=1000),
        Figure(f"{of}: worst lag", seen["worst"] * 1000, "ms"),
        Figure(f"{of}: CPU to connect", connected - cpu, "s"),
        Figure(f"{of}: CPU altogether", builder.read_cpu() - cpu, "s", at_most=15),
        Figure(f"{of}: memory added", builder.read_memory() - memory, "MiB"),
    ]


async def _insert_build(database: asyncpg.Connection) -> UUID:
    """Insert a build that runs, in nobody's queue, so that no worker takes it up."""
    build_id = uuid4()
    await database.execute(
        "INSERT INTO builds (id, image_id, state, repo, plan, requested_by, requesters, created_at)"
        " VALUES ($1, $2, 'running', $3, $4, 'ada', '{ada}', now())",
        build_id, _PLAN.image_id, _PLAN.repo, _PLAN.model_dump_json(),
    )  # fmt: skip
    return build_id


async def _insert_lines(database: asyncpg.Connection, build_id: UUID) -> None:
    """Insert lines evenly, and tell listeners of each, as the process that builds does."""
    begun = perf_counter()
    for number in range(1, _LINES + 1):
        await asyncio.sleep(max(0.0, begun + number * _DURATION / _LINES - perf_counter()))
        text = f"Collecting package-{number} from the index, with a line of usual length sent={time():.6f}"
        await database.execute(
            "INSERT INTO build_log_lines (build_id, number, phase, text) VALUES ($1, $2, 'build', $3)",
            build_id, number, text,
        )  # fmt: skip
        await database.execute("SELECT pg_notify('heliostat', $1)", f"log:{build_id}")


async def _start_client(builder: ServiceProcess, build_id: UUID, watchers: int) -> asyncio.subprocess.Process:
    url = urlsplit(f"{builder.url}api/v1/builds/{build_id}/log")
    order = {"port": url.port, "path": url.path, "token": CALLER_TOKEN, "watchers": watchers, "lines": _LINES}
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.watch_client", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert client.stdin is not None
    client.stdin.write(json.dumps(order).encode())
    client.stdin.close()
    return client


async def _read_line(client: asyncio.subprocess.Process) -> bytes:
    assert client.stdout is not None
    line = await client.stdout.readline()
    if not line:
        raise RuntimeError("the client ended early")
    return line
