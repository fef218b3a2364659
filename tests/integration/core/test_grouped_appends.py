"""Group commit: as if every append had a transaction of its own, whatever comes together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest
from heliostat_core.contracts.events import SessionCreated
from heliostat_core.database import Database, DatabaseUnavailableError
from heliostat_core.eventstore import (
    Cursor,
    EventStore,
    Follower,
    GroupedAppends,
    NewEvent,
    Recorded,
    StreamConflictError,
)
from heliostat_core.ids import StreamId
from pydantic import SecretStr
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection


def created(name: str = "a") -> NewEvent:
    return NewEvent(data=SessionCreated(session_id=uuid4(), user="ada", server_name=name, origin="api"), actor="ada")


@pytest.fixture
async def store(database: Database) -> EventStore:
    return EventStore(database=database)


@pytest.fixture
async def appends(store: EventStore) -> AsyncIterator[GroupedAppends]:
    async with GroupedAppends(store=store) as grouped:
        yield grouped


async def read_streams(store: EventStore) -> dict[str, list[int]]:
    streams: dict[str, list[int]] = {}
    async with store.database.transaction() as connection:
        for event in await store.read_log(connection, after=Cursor(), most=10_000):
            streams.setdefault(event.stream, []).append(event.version)
    return streams


async def test_appends_that_come_together_share_a_transaction(appends: GroupedAppends, store: EventStore) -> None:
    results = await asyncio.gather(
        *(appends.append(StreamId(f"s{9 - n}"), [created(str(n)), created("b")], expected=0) for n in range(10))
    )
    assert len({event.cursor.xid for recorded in results for event in recorded}) == 1
    assert [[event.stream for event in recorded] for recorded in results] == [[f"s{9 - n}"] * 2 for n in range(10)]
    assert [recorded[0].data.server_name for recorded in results] == [str(n) for n in range(10)]
    assert await read_streams(store) == {f"s{n}": [1, 2] for n in range(10)}


async def test_a_conflict_fails_only_its_own_append(appends: GroupedAppends, store: EventStore) -> None:
    await appends.append(StreamId("s3"), [created()], expected=0)
    results = await asyncio.gather(
        # The second version of s3 is free; it must not be written without the first.
        *(appends.append(StreamId(f"s{n}"), [created(), created()], expected=0) for n in range(8)),
        return_exceptions=True,
    )
    assert [isinstance(result, StreamConflictError) for result in results] == [n == 3 for n in range(8)]
    assert await read_streams(store) == {f"s{n}": [1] if n == 3 else [1, 2] for n in range(8)}


async def test_two_processes_that_race_for_the_same_streams_leave_no_gap_and_no_double(store: EventStore) -> None:
    won: list[tuple[str, int]] = []

    async def write(grouped: GroupedAppends, streams: Sequence[str]) -> None:
        for version in range(12):
            for stream in streams:
                try:
                    (event,) = await grouped.append(StreamId(stream), [created()], expected=version)
                except StreamConflictError:
                    continue
                won.append((stream, event.version))

    streams = [f"s{n}" for n in range(6)]
    async with GroupedAppends(store=store) as one, GroupedAppends(store=store) as other:
        await asyncio.gather(
            *(write(one, streams[n:] + streams[:n]) for n in range(6)),
            *(write(other, list(reversed(streams[n:] + streams[:n]))) for n in range(6)),
        )
    assert sorted(won) == sorted((stream, version) for stream in streams for version in range(1, 13))
    assert await read_streams(store) == {stream: list(range(1, 13)) for stream in streams}


async def test_a_follower_misses_nothing_of_groups_beside_a_transaction_that_lingers(
    appends: GroupedAppends, store: EventStore
) -> None:
    seen: list[str] = []

    async def note(_: AsyncConnection, event: Recorded) -> None:
        seen.append(event.stream)

    async def write(writer: int) -> None:
        for number in range(30):
            await appends.append(StreamId(f"{writer}-{number}"), [created()], expected=0)

    async def linger() -> None:
        for number in range(30):
            async with store.database.transaction() as connection:
                await store.append(connection, StreamId(f"slow-{number}"), [created()], expected=0)
                await asyncio.sleep(number % 4 / 1000)

    follower = Follower(store=store, name="test", effect=note)
    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(write(writer)) for writer in range(8)] + [group.create_task(linger())]
        while not all(writer.done() for writer in writers):
            await follower.catch_up()
            await asyncio.sleep(0)
    await follower.catch_up()
    assert sorted(seen) == sorted(f"{writer}-{number}" for writer in [*range(8), "slow"] for number in range(30))


class _Fussy:
    """A read model that fails for one event."""

    tables: Sequence[Table] = ()

    async def apply(self, connection: AsyncConnection, event: Recorded) -> None:
        assert isinstance(event.data, SessionCreated)
        if event.data.server_name == "bad":
            raise ValueError(event.stream)
        await connection.execute(text("INSERT INTO names VALUES (:name)"), {"name": event.stream})


async def test_a_read_model_that_fails_fails_only_its_own_append(database: Database) -> None:
    store = EventStore(database=database, projections=[_Fussy()])
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TABLE names (name text PRIMARY KEY)"))
    async with GroupedAppends(store=store) as grouped:
        results = await asyncio.gather(
            *(grouped.append(StreamId(f"s{n}"), [created("bad" if n == 2 else "a")], expected=0) for n in range(5)),
            return_exceptions=True,
        )
    assert [isinstance(result, ValueError) for result in results] == [n == 2 for n in range(5)]
    async with database.transaction() as connection:
        names = (await connection.execute(text("SELECT name FROM names ORDER BY name"))).scalars().all()
    assert names == ["s0", "s1", "s3", "s4"]
    assert await read_streams(store) == {name: [1] for name in names}


async def test_one_who_stops_waiting_takes_nobody_along(appends: GroupedAppends, store: EventStore) -> None:
    tasks = [asyncio.create_task(appends.append(StreamId(f"s{n}"), [created()], expected=0)) for n in range(8)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert [len(result) for result in results[1:]] == [1] * 7  # type: ignore[arg-type]
    assert set(await read_streams(store)) >= {f"s{n}" for n in range(1, 8)}


async def test_leaving_ends_the_writer_and_whoever_waits(store: EventStore) -> None:
    async with store.database.transaction() as blocking:
        await store.append(blocking, StreamId("s"), [created()], expected=0)
        async with GroupedAppends(store=store) as grouped:
            stuck = asyncio.create_task(grouped.append(StreamId("s"), [created()], expected=0))
            await asyncio.sleep(0.05)
            assert not stuck.done()
        with pytest.raises(asyncio.CancelledError):
            await stuck


async def test_no_database_is_said_to_everybody() -> None:
    url = SecretStr("postgresql+asyncpg://nobody@/none?host=/nowhere")
    async with (
        Database.open(url, application="tests") as nowhere,
        GroupedAppends(store=EventStore(database=nowhere)) as grouped,
    ):
        results = await asyncio.gather(
            *(grouped.append(StreamId(f"s{n}"), [created()], expected=0) for n in range(3)), return_exceptions=True
        )
    assert all(isinstance(result, DatabaseUnavailableError) for result in results)
