"""Making read models again from the log alone."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from .records import Cursor, Projection
from .store import EventStore


async def rebuild(store: EventStore, projections: Sequence[Projection]) -> int:
    """Empty the tables of the projections and apply the whole log to them, in one transaction.

    Writers of these tables wait until it is done. Returns the number of events read.
    """
    async with store.database.transaction() as connection:
        names = ", ".join(f'"{table.name}"' for projection in projections for table in projection.tables)
        await connection.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
        await connection.execute(text(f"TRUNCATE {names}"))
        return await _replay(connection, store, projections)


async def _replay(connection: AsyncConnection, store: EventStore, projections: Sequence[Projection]) -> int:
    cursor = Cursor()
    count = 0
    while events := await store.read_log(connection, after=cursor, settled=False):
        for event in events:
            for projection in projections:
                await projection.apply(connection, event)
        cursor = events[-1].cursor
        count += len(events)
    return count
