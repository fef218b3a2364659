"""Versions of the policy: events on one stream, and the table they are read from."""

from heliostat_core.contracts.events import PolicyChanged
from heliostat_core.eventstore import EventStore, NewEvent
from heliostat_core.ids import POLICY_STREAM
from heliostat_core.schema import policies
from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.records import StoredPolicy


class PolicyStorage:
    """Reads and appends versions.

    Parameters
    ----------
    store
        The log, with the projection of policies.
    """

    def __init__(self, *, store: EventStore) -> None:
        self._store = store

    async def read_newest_version(self, connection: AsyncConnection) -> int:
        """Read the newest version; 0 where there is none."""
        return int((await connection.execute(select(func.coalesce(func.max(policies.c.version), 0)))).scalar_one())

    async def list_newest(
        self, connection: AsyncConnection, *, before: int | None = None, most: int
    ) -> list[StoredPolicy]:
        """List versions, or those before one, newest first."""
        statement = select(policies).order_by(policies.c.version.desc()).limit(most)
        if before is not None:
            statement = statement.where(policies.c.version < before)
        return [_to_stored(row) for row in await connection.execute(statement)]

    async def append(
        self, connection: AsyncConnection, *, source: str, comment: str, by: str, expected: int
    ) -> StoredPolicy:
        """Make a text the next version.

        Raises
        ------
        StreamConflictError
            The newest version is not ``expected`` any more.
        """
        version = expected + 1
        change = NewEvent(data=PolicyChanged(version=version, source=source, comment=comment), actor=by)
        (recorded,) = await self._store.append(connection, POLICY_STREAM, [change], expected=expected)
        return StoredPolicy(version=version, source=source, comment=comment, changed_at=recorded.time, changed_by=by)


def _to_stored(row: Row[tuple[object, ...]]) -> StoredPolicy:
    return StoredPolicy(
        version=row.version,
        source=row.source,
        comment=row.comment,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
    )
