"""Appends per second of eight writers, beside a raw insert into the same table at the same durability.

Both run in alternating rounds in the same seconds and on the same server, so that what else the machine does, and the
speed of its disk, change both.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from statistics import median
from time import perf_counter
from uuid import UUID, uuid4

import asyncpg
from heliostat_core.contracts.events import LaunchProgressed
from heliostat_core.database import Database
from heliostat_core.eventstore import EventStore, GroupedAppends, NewEvent
from heliostat_core.ids import launch_stream
from pydantic import SecretStr

from tests.support.postgres import Postgres, running_postgres

from .figures import Figure, run

_LIMIT = timedelta(seconds=90)
_WRITERS = 8
_ROUNDS = 6
_APPENDS = 150
_INSERT = "INSERT INTO events (stream, version, kind, actor, correlation_id, data) VALUES ($1, $2, $3, $4, $5, $6)"

Append = Callable[[int], Awaitable[object]]


def measure_appends() -> Sequence[Figure]:
    """Measure appends of one event each, every one to its own stream and committed to disk."""
    with running_postgres(durable=True) as postgres:
        return run(_measure(postgres), limit=_LIMIT)


async def _measure(postgres: Postgres) -> list[Figure]:
    name = await postgres.create_database()
    async with (
        Database.open(SecretStr(postgres.url(name)), application="bench") as database,
        GroupedAppends(store=EventStore(database=database)) as grouped,
    ):
        connections = [await _connect(postgres, name) for _ in range(_WRITERS)]
        try:
            return await _compare(EventStore(database=database), grouped, connections)
        finally:
            for connection in connections:
                await connection.close()


async def _connect(postgres: Postgres, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(user="heliostat", database=database, host=str(postgres.socket))


async def _compare(
    store: EventStore, grouped: GroupedAppends, connections: Sequence[asyncpg.Connection]
) -> list[Figure]:
    async def insert(writer: int) -> None:
        launch_id, event = _make_event()
        values = (launch_stream(launch_id), 1, event.data.kind, event.actor, launch_id, event.data.model_dump_json())
        await connections[writer].execute(_INSERT, *values)

    async def append(_: int) -> None:
        launch_id, event = _make_event()
        async with store.database.transaction() as connection:
            await store.append(connection, launch_stream(launch_id), [event], expected=0)

    async def append_grouped(_: int) -> None:
        launch_id, event = _make_event()
        await grouped.append(launch_stream(launch_id), [event], expected=0)

    ways: dict[str, Append] = {"raw": insert, "own": append, "grouped": append_grouped}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(_ROUNDS + 1):
        for way, write in ways.items():
            rate = await _run_round(write)
            if number:  # the first round warms caches up
                rates[way].append(rate)
    return [
        Figure("raw asyncpg insert", median(rates["raw"]), "/s"),
        Figure("grouped append", median(rates["grouped"]), "/s"),
        Figure("grouped append / raw insert", _compare_rounds(rates, "grouped"), "", at_least=0.5),
        Figure("append in a transaction of the caller's", median(rates["own"]), "/s"),
        Figure("append in a transaction of the caller's / raw insert", _compare_rounds(rates, "own"), ""),
    ]


def _compare_rounds(rates: dict[str, list[float]], way: str) -> float:
    """Compare round by round, and take the median of the ratios."""
    return median(rate / raw for rate, raw in zip(rates[way], rates["raw"], strict=True))


async def _run_round(write: Append) -> float:
    async def work(writer: int) -> None:
        for _ in range(_APPENDS):
            await write(writer)

    begun = perf_counter()
    await asyncio.gather(*(work(writer) for writer in range(_WRITERS)))
    return _WRITERS * _APPENDS / (perf_counter() - begun)


def _make_event() -> tuple[UUID, NewEvent]:
    launch_id = uuid4()
    data = LaunchProgressed(launch_id=launch_id, message="Preparing the home", progress=40)
    return launch_id, NewEvent(data=data, actor="sessions", correlation_id=launch_id)
