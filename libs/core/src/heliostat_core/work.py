"""Leased work: rows in `work_items`, taken by one process at a time and handed on when it dies.

A lease is a token with an expiry. The holder renews it; what it writes is guarded by the token in the same transaction,
so a process that lost its lease (paused, partitioned) cannot overwrite what its successor did.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database, DatabaseUnavailableError
from .errors import HeliostatError

_ADD = text("INSERT INTO work_items (kind, key) VALUES (:kind, :key) ON CONFLICT DO NOTHING")
_ADD_HELD = text("""
INSERT INTO work_items (kind, key, attempts, lease_token, lease_owner, available_at)
VALUES (:kind, :key, 1, :token, :owner, now() + :duration) ON CONFLICT DO NOTHING
""")
_CLAIM = text("""
WITH due AS (
    SELECT kind, key, lease_token IS NOT NULL AS expired FROM work_items
    WHERE kind = :kind AND available_at <= now() AND (CAST(:key AS text) IS NULL OR key = :key)
    ORDER BY available_at LIMIT :most FOR UPDATE SKIP LOCKED
)
UPDATE work_items AS item
SET lease_token = :token, lease_owner = :owner, attempts = attempts + 1, available_at = now() + :duration
FROM due WHERE item.kind = due.kind AND item.key = due.key
RETURNING item.key, attempts, expired
""")
_RENEW = text("""
UPDATE work_items SET available_at = now() + :duration
WHERE kind = :kind AND key = :key AND lease_token = :token
""")
_GUARD = text("SELECT 1 FROM work_items WHERE kind = :kind AND key = :key AND lease_token = :token FOR UPDATE")
_FINISH = text("DELETE FROM work_items WHERE kind = :kind AND key = :key AND lease_token = :token")
_RELEASE = text("""
UPDATE work_items SET lease_token = NULL, lease_owner = NULL, available_at = now() + :delay
WHERE kind = :kind AND key = :key AND lease_token = :token
""")


class LeaseLostError(HeliostatError):
    """The work is somebody else's by now; drop what was done."""

    code = "lease_lost"

    def __init__(self, *, kind: str, key: str) -> None:
        super().__init__(f"The lease on {kind} {key} was lost")


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do one piece of work; ``attempt`` counts from 1."""

    kind: str
    key: str
    token: UUID
    attempt: int


class WorkQueue:
    """Work items of all kinds.

    Parameters
    ----------
    database
        The pool.
    owner
        Name of this process, for people who look at the table.
    duration
        How long a lease lasts without renewal: the longest time dead work stays unattended.
    """

    def __init__(self, *, database: Database, owner: str, duration: timedelta = timedelta(seconds=10)) -> None:
        self._database = database
        self._metrics = database.metrics
        self._owner = owner
        self._duration = duration

    async def add(self, connection: AsyncConnection, *, kind: str, key: str) -> None:
        """Put work there in the caller's transaction, unless it is there already."""
        await connection.execute(_ADD, {"kind": kind, "key": key})

    async def add_held(self, connection: AsyncConnection, *, kind: str, key: str) -> Lease | None:
        """Put work there in the caller's transaction, already leased to this process; None if it is there already."""
        token = uuid4()
        values = {"token": token, "owner": self._owner, "duration": self._duration, "kind": kind, "key": key}
        if (await connection.execute(_ADD_HELD, values)).rowcount == 0:
            return None
        return Lease(kind=kind, key=key, token=token, attempt=1)

    async def claim(self, kind: str, *, most: int = 1, key: str | None = None) -> list[Lease]:
        """Take available work (only ``key`` where given); a lease's token is unknown to anybody else."""
        token = uuid4()
        values = {
            "token": token,
            "owner": self._owner,
            "duration": self._duration,
            "kind": kind,
            "most": most,
            "key": key,
        }
        async with self._database.statements() as connection:
            rows = (await connection.execute(_CLAIM, values)).all()
        self._metrics.leases_lost.labels(kind)
        self._metrics.takeovers.labels(kind).inc(sum(row.expired for row in rows))
        return [Lease(kind=kind, key=row.key, token=token, attempt=row.attempts) for row in rows]

    async def guard(self, connection: AsyncConnection, lease: Lease) -> None:
        """Hold the lease to the end of the caller's transaction.

        Raises
        ------
        LeaseLostError
            It is not held any more; the transaction must be given up.
        """
        if (await connection.execute(_GUARD, _values(lease))).one_or_none() is None:
            raise self._lose(lease)

    async def finish(self, connection: AsyncConnection, lease: Lease) -> None:
        """Remove the work in the caller's transaction; raises LeaseLostError as `guard` does."""
        if (await connection.execute(_FINISH, _values(lease))).rowcount == 0:
            raise self._lose(lease)

    async def release(self, lease: Lease, *, delay: timedelta = timedelta(0)) -> None:
        """Give the work back, to be taken again after a delay; nothing happens if the lease was lost."""
        async with self._database.statements() as connection:
            await connection.execute(_RELEASE, {**_values(lease), "delay": delay})

    @asynccontextmanager
    async def held(self, lease: Lease) -> AsyncIterator[None]:
        """Keep the lease renewed while the body runs; cancel the body when it is lost or cannot be renewed.

        Raises
        ------
        LeaseLostError
            The lease was lost; the body was cancelled.
        """
        try:
            async with asyncio.timeout(self._duration.total_seconds()) as deadline:
                renewal = asyncio.create_task(self._renew(lease, deadline), name=f"renew {lease.kind} {lease.key}")
                try:
                    yield
                finally:
                    renewal.cancel()
                    await asyncio.wait([renewal])
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise self._lose(lease) from error

    def _lose(self, lease: Lease) -> LeaseLostError:
        self._metrics.leases_lost.labels(lease.kind).inc()
        return LeaseLostError(kind=lease.kind, key=lease.key)

    async def _renew(self, lease: Lease, deadline: asyncio.Timeout) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._duration.total_seconds() / 3)
            begun = loop.time()
            try:
                async with self._database.statements() as connection:
                    result = await connection.execute(_RENEW, {**_values(lease), "duration": self._duration})
            except DatabaseUnavailableError:
                continue  # the deadline stands: no renewal, no lease
            if result.rowcount == 0:
                deadline.reschedule(loop.time())
                return
            deadline.reschedule(begun + self._duration.total_seconds())


def _values(lease: Lease) -> dict[str, object]:
    return {"kind": lease.kind, "key": lease.key, "token": lease.token}
