"""Following the log: effects and the place in the log are committed together."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from .records import Cursor, Recorded
from .store import EventStore

_ENSURE = text("INSERT INTO followers (name, xid, position) VALUES (:name, '0', 0) ON CONFLICT DO NOTHING")
_LOCK = "SELECT xid::text::bigint AS xid, position FROM followers WHERE name = :name FOR UPDATE"
_LOCK_OR_WAIT, _LOCK_OR_LEAVE = text(_LOCK), text(f"{_LOCK} SKIP LOCKED")
_ADVANCE = text("UPDATE followers SET xid = CAST(CAST(:xid AS text) AS xid8), position = :position WHERE name = :name")
_READ_LAG = text("""
SELECT now() - waiting.time FROM followers AS follower, LATERAL (
    SELECT time FROM events WHERE (xid, position) > (follower.xid, follower.position) ORDER BY xid, position LIMIT 1
) AS waiting
WHERE follower.name = :name
""")

Effect = Callable[[AsyncConnection, Recorded], Awaitable[None]]


class Follower:
    """One named reader of the whole log; of several replicas one at a time makes progress.

    Parameters
    ----------
    store
        The log.
    name
        Name of the cursor; the same in all replicas.
    effect
        What an event changes in the database; run in the transaction that moves the cursor, so exactly once.
    """

    def __init__(self, *, store: EventStore, name: str, effect: Effect) -> None:
        self._store = store
        self._name = name
        self._effect = effect

    async def catch_up(self, *, wait: bool = False) -> int:
        """Apply everything that is there and return how many events were new.

        What another replica is applying is left to it, or, with ``wait``, waited for.
        """
        applied = 0
        while batch := await self._advance(_LOCK_OR_WAIT if wait else _LOCK_OR_LEAVE):
            applied += batch
        return applied

    async def read_lag(self) -> timedelta:
        """Read how long the oldest event that was not applied yet has been there; of all replicas together."""
        async with self._store.database.statements() as connection:
            lag: timedelta | None = await connection.scalar(_READ_LAG, {"name": self._name})
        return lag or timedelta(0)

    async def _advance(self, lock: TextClause) -> int:
        async with self._store.database.transaction() as connection:
            await connection.execute(_ENSURE, {"name": self._name})
            row = (await connection.execute(lock, {"name": self._name})).one_or_none()
            if row is None:  # another replica is at it
                return 0
            events = await self._store.read_log(connection, after=Cursor(xid=row.xid, position=row.position))
            for event in events:
                await self._effect(connection, event)
            if events:
                last = events[-1].cursor
                values = {"name": self._name, "xid": str(last.xid), "position": last.position}
                await connection.execute(_ADVANCE, values)
            return len(events)
