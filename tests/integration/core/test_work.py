"""Leases: one holder at a time, fenced writes, dead holders replaced."""

import asyncio
from datetime import timedelta

import pytest
from heliostat_core.database import Database
from heliostat_core.work import LeaseLostError, WorkQueue

SHORT = timedelta(seconds=1)


async def add(database: Database, queue: WorkQueue, *keys: str) -> None:
    async with database.transaction() as connection:
        for key in keys:
            await queue.add(connection, kind="k", key=key)


async def test_many_claimers_get_each_piece_of_work_once(database: Database) -> None:
    queues = [WorkQueue(database=database, owner=str(n)) for n in range(6)]
    await add(database, queues[0], *(str(n) for n in range(20)))
    claims = await asyncio.gather(*(queue.claim("k", most=5) for queue in queues))
    keys = [lease.key for leases in claims for lease in leases]
    assert sorted(keys) == sorted(str(n) for n in range(20))


async def test_work_of_a_dead_holder_is_taken_again_and_counts_attempts(database: Database) -> None:
    queue = WorkQueue(database=database, owner="a", duration=SHORT)
    await add(database, queue, "x")
    (first,) = await queue.claim("k")
    assert await queue.claim("k") == []
    await asyncio.sleep(SHORT.total_seconds() * 1.2)
    (second,) = await queue.claim("k", key="x")
    assert (first.attempt, second.attempt) == (1, 2)


async def test_a_stale_holder_cannot_write(database: Database) -> None:
    queue = WorkQueue(database=database, owner="a", duration=SHORT)
    await add(database, queue, "x")
    (stale,) = await queue.claim("k")
    await asyncio.sleep(SHORT.total_seconds() * 1.2)
    (current,) = await queue.claim("k")
    with pytest.raises(LeaseLostError):
        async with database.transaction() as connection:
            await queue.guard(connection, stale)
    with pytest.raises(LeaseLostError):
        async with database.transaction() as connection:
            await queue.finish(connection, stale)
    async with database.transaction() as connection:
        await queue.guard(connection, current)
        await queue.finish(connection, current)


async def test_a_held_lease_is_renewed(database: Database) -> None:
    queue = WorkQueue(database=database, owner="a", duration=SHORT)
    await add(database, queue, "x")
    (lease,) = await queue.claim("k")
    async with queue.held(lease):
        await asyncio.sleep(SHORT.total_seconds() * 1.5)
        assert await queue.claim("k") == []


async def test_the_body_is_cancelled_when_the_lease_is_lost(database: Database) -> None:
    queue = WorkQueue(database=database, owner="a", duration=SHORT)
    await add(database, queue, "x")
    (lease,) = await queue.claim("k")

    async def lose() -> None:
        async with queue.held(lease):
            await queue.release(lease)
            await asyncio.sleep(5)

    with pytest.raises(LeaseLostError):
        await lose()


async def test_released_work_waits_for_its_delay(database: Database) -> None:
    queue = WorkQueue(database=database, owner="a")
    await add(database, queue, "x")
    (lease,) = await queue.claim("k")
    await queue.release(lease, delay=timedelta(hours=1))
    assert await queue.claim("k") == []
