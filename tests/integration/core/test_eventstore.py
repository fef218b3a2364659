"""The log: order, optimistic locking, followers that miss nothing, rebuilds that come out equal."""

import asyncio
from uuid import uuid4

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from heliostat_core.contracts.events import Event, SessionCreated, SessionDeleted
from heliostat_core.database import Database
from heliostat_core.eventstore import Cursor, EventStore, Follower, NewEvent, Recorded, StreamConflictError, rebuild
from heliostat_core.ids import StreamId
from heliostat_core.migrate import build_alembic_config
from heliostat_core.migrations import HEAD
from heliostat_core.schema.version import ensure_current
from sqlalchemy import Column, Integer, MetaData, Table, Text, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection


def created(name: str = "a") -> NewEvent:
    return NewEvent(data=SessionCreated(session_id=uuid4(), user="ada", server_name=name, origin="api"), actor="ada")


async def append(store: EventStore, stream: str, *events: NewEvent, expected: int = 0) -> list[Recorded]:
    async with store.database.transaction() as connection:
        return await store.append(connection, StreamId(stream), events, expected=expected)


async def read_all(store: EventStore) -> list[Recorded]:
    async with store.database.transaction() as connection:
        return await store.read_log(connection, after=Cursor())


async def test_a_stream_reads_back_in_order(database: Database) -> None:
    store = EventStore(database=database)
    await append(store, "s", created("a"), created("b"))
    await append(store, "s", created("c"), expected=2)
    async with database.transaction() as connection:
        events = await store.read_stream(connection, StreamId("s"), after=1)
        assert await store.read_version(connection, StreamId("s")) == 3
    assert [(event.version, event.data.server_name) for event in events] == [(2, "b"), (3, "c")]


async def test_what_is_appended_is_what_is_read(database: Database) -> None:
    store = EventStore(database=database)
    appended = await append(store, "s", created("a"))
    assert await read_all(store) == appended


async def test_the_second_writer_of_a_version_conflicts(database: Database) -> None:
    store = EventStore(database=database)
    results = await asyncio.gather(*(append(store, "s", created(str(n))) for n in range(8)), return_exceptions=True)
    assert sum(isinstance(result, StreamConflictError) for result in results) == 7
    assert len(await read_all(store)) == 1


async def test_a_reader_of_the_log_does_not_pass_a_transaction_that_commits_late(database: Database) -> None:
    store = EventStore(database=database)
    async with database.engine.connect() as slow:
        transaction = await slow.begin()
        await store.append(slow, StreamId("late"), [created("late")], expected=0)
        await append(store, "early", created("early"))
        assert await read_all(store) == []
        await transaction.commit()
    assert [event.stream for event in await read_all(store)] == ["late", "early"]


async def test_a_follower_misses_nothing_while_eight_writers_linger(database: Database) -> None:
    store = EventStore(database=database)
    seen: list[str] = []

    async def note(_: AsyncConnection, event: Recorded) -> None:
        seen.append(event.stream)

    follower = Follower(store=store, name="test", effect=note)

    async def write(writer: int) -> None:
        for number in range(40):
            async with database.transaction() as connection:
                await store.append(connection, StreamId(f"{writer}-{number}"), [created()], expected=0)
                await asyncio.sleep((writer * 7 + number) % 4 / 1000)

    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(write(writer)) for writer in range(8)]
        while not all(writer.done() for writer in writers):
            await follower.catch_up()
            await asyncio.sleep(0)
    await follower.catch_up()
    assert sorted(seen) == sorted(f"{writer}-{number}" for writer in range(8) for number in range(40))


async def test_of_two_replicas_of_a_follower_one_applies_each_event(database: Database) -> None:
    store = EventStore(database=database)
    seen: list[str] = []

    async def note(_: AsyncConnection, event: Recorded) -> None:
        await asyncio.sleep(0)
        seen.append(event.stream)

    for number in range(30):
        await append(store, f"s{number}", created())
    replicas = [Follower(store=store, name="test", effect=note) for _ in range(4)]
    await asyncio.gather(*(replica.catch_up() for replica in replicas))
    assert sorted(seen) == sorted(f"s{number}" for number in range(30))


async def test_what_another_replica_is_applying_is_waited_for_by_who_asks_for_that(database: Database) -> None:
    store = EventStore(database=database)
    seen: list[str] = []
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def linger(_: AsyncConnection, event: Recorded) -> None:
        begun.set()
        await may_end.wait()
        seen.append(event.stream)

    slow, other = (Follower(store=store, name="test", effect=linger) for _ in range(2))
    await slow.catch_up()  # which writes down where it is
    await append(store, "s", created())
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(slow.catch_up())
        await begun.wait()
        assert (await other.catch_up(), seen) == (0, [])
        waiting = group.create_task(other.catch_up(wait=True))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        may_end.set()
        await waiting
        assert seen == ["s"]


async def test_a_follower_whose_effect_fails_stays_where_it_was(database: Database) -> None:
    store = EventStore(database=database)
    await append(store, "s", created())

    async def fail(_: AsyncConnection, event: Recorded) -> None:
        raise ValueError(event.stream)

    with pytest.raises(ValueError, match="s"):
        await Follower(store=store, name="test", effect=fail).catch_up()
    seen: list[Recorded] = []

    async def note(_: AsyncConnection, event: Recorded) -> None:
        seen.append(event)

    assert await Follower(store=store, name="test", effect=note).catch_up() == 1


_names = Table(
    "names", MetaData(), Column("id", Text, primary_key=True), Column("name", Text), Column("count", Integer)
)


class _Names:
    tables = (_names,)

    async def apply(self, connection: AsyncConnection, event: Recorded) -> None:
        data: Event = event.data
        if isinstance(data, SessionCreated):
            row = {"id": event.stream, "name": data.server_name, "count": event.version}
            statement = insert(_names).values(row)
            await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))
        elif isinstance(data, SessionDeleted):
            await connection.execute(_names.delete().where(_names.c.id == event.stream))


async def test_read_models_rebuilt_from_zero_are_equal(database: Database) -> None:
    projection = _Names()
    store = EventStore(database=database, projections=[projection])
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TABLE names (id text PRIMARY KEY, name text, count integer)"))
    for number in range(20):
        await append(store, f"s{number}", created("a"), created("b"))
    gone = NewEvent(data=SessionDeleted(session_id=uuid4(), observed_at="2026-01-01T00:00:00Z"), actor="x")
    await append(store, "s3", gone, expected=2)
    select_all = select(_names).order_by(_names.c.id)
    async with database.transaction() as connection:
        before = (await connection.execute(select_all)).all()
        await connection.execute(_names.update().values(name="damaged"))
    assert await rebuild(store, [projection]) == 41
    async with database.transaction() as connection:
        assert (await connection.execute(select_all)).all() == before
    assert len(before) == 19


async def test_migrations_from_empty_match_the_models(database: Database) -> None:
    await ensure_current(database)
    async with database.transaction() as connection:
        await connection.run_sync(lambda sync: command.check(build_alembic_config(sync)))


async def test_services_want_the_newest_migration(database: Database) -> None:
    async with database.transaction() as connection:
        config = await connection.run_sync(build_alembic_config)
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
