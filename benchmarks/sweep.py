"""The idle sweep over ten thousand running sessions: real code, policy process and Postgres; a hub on the wire."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from tests.support.hub import FakeHub, running_hub
from tests.support.postgres import Postgres, running_postgres

from .figures import Figure, run
from .services import CALLER_TOKEN, build_policy_settings, build_settings, running_service

_LIMIT = timedelta(seconds=120)
_SESSIONS = 10_000
_DUE = 50
"""Sessions to stop in the second sweep: more than come due in half a minute of so many."""


def measure_sweep() -> Sequence[Figure]:
    """Measure a sweep in which nothing is due, and one that stops servers."""
    with running_postgres(durable=True) as postgres:
        return run(_measure(postgres), limit=_LIMIT)


async def _measure(postgres: Postgres) -> list[Figure]:
    figures: list[Figure] = []
    for due in (0, _DUE):
        database = await postgres.create_database()
        async with running_hub() as hub:
            await _insert_sessions(postgres, database, hub, due=due)
            seen = await _sweep(postgres, database, hub)
        of = f"{_SESSIONS:,} sessions, {due} to stop"
        figures += [
            Figure(f"{of}: sweep", seen["seconds"], "s", at_most=3),
            Figure(f"{of}: peak memory added", seen["memory"], "MiB", at_most=150),
            Figure(f"{of}: stopped", seen["stops"], "", at_least=due),
        ]
    return figures


async def _sweep(postgres: Postgres, database: str, hub: FakeHub) -> dict[str, float]:
    policy_settings = build_policy_settings(postgres=postgres, database=database, hub_url=hub.url)
    with tempfile.TemporaryDirectory(prefix="hlbench-") as folder:
        async with running_service("policy", policy_settings, base_path="/services/policy/") as policy:
            settings = build_settings("sessions", postgres=postgres, database=database, hub_url=hub.url) | {
                "HELIOSTAT_SESSIONS_BUILDER_URL": "http://127.0.0.1:1/",
                "HELIOSTAT_SESSIONS_BUILDER_TOKEN": "none",
                "HELIOSTAT_SESSIONS_POLICY_URL": policy.url,
                "HELIOSTAT_SESSIONS_POLICY_TOKEN": CALLER_TOKEN,
                "HELIOSTAT_SESSIONS_GRANT_KEY": "grant-key-of-the-benchmark",
                "HELIOSTAT_SESSIONS_COOKIE_SECRET": "cookie-secret-of-the-benchmark",
                "HELIOSTAT_SESSIONS_BUILD_TOKEN_SECRET": "build-token-secret-of-the-benchmark",
                "HELIOSTAT_SESSIONS_STATE_DIRECTORY": str(Path(folder)),
            }
            return await _run_process(settings)


async def _run_process(settings: Mapping[str, str]) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.sweep_process", env={**os.environ, **settings}, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    seen: dict[str, float] = json.loads(output.splitlines()[-1])
    return seen


async def _insert_sessions(postgres: Postgres, database: str, hub: FakeHub, *, due: int) -> None:
    """Insert the read model's rows as two thousand users with five servers each leave them."""
    now = datetime.now(UTC)
    started = now - timedelta(hours=5)
    sessions: list[tuple[Any, ...]] = []
    observations: list[tuple[Any, ...]] = []
    for number in range(_SESSIONS):
        session_id, user, name = uuid4(), f"user-{number // 5}", f"survey-{number % 5}"
        idle = timedelta(hours=3) if number < due else timedelta(seconds=number % 3600)
        sessions.append(_make_session(session_id, user, name, started))
        observations.append((session_id, now - idle, "kernel", now, now, '["astronomers"]'))
        if number < due:
            server = hub.servers.add(user, name)
            server.started, server.last_activity = started, now - idle
    connection = await asyncpg.connect(user="heliostat", database=database, host=str(postgres.socket))
    try:
        await connection.executemany(_INSERT_SESSION, sessions)
        await connection.executemany(_INSERT_OBSERVATION, observations)
        await connection.execute("ANALYZE sessions, observations")
    finally:
        await connection.close()


def _make_session(session_id: UUID, user: str, name: str, started: datetime) -> tuple[Any, ...]:
    return (session_id, user, name, "https://git.example/astro/survey", "0" * 40, "e" * 32, started)


_INSERT_SESSION = """
INSERT INTO sessions
    (id, version, "user", server_name, origin, state, repo, ref, commit, environment_id, started_at, last_activity,
     activity_source, observed_at, created_at)
VALUES ($1, 5, $2, $3, 'launch', 'running', $4, 'HEAD', $5, $6, $7, $7, 'start', $7, $7)
"""
_INSERT_OBSERVATION = """
INSERT INTO observations (session_id, last_activity, source, observed_at, reported_at, groups)
VALUES ($1, $2, $3, $4, $5, $6)
"""
