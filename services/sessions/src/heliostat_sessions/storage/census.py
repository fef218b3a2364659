"""Counting in the read models, in one transaction of cheap statements."""

from datetime import datetime, timedelta

from heliostat_core.contracts.launches import LaunchState
from heliostat_core.contracts.sessions import SessionState
from heliostat_core.schema import launches, observations, sessions, temporary_users, volumes
from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.census import Census
from ..domain.ledger import RUNNING_STATES

NEARLY_FULL = 0.9
"""Part of its limit from which a volume counts as nearly full."""


class CensusStorage:
    """Counts what there is."""

    async def count(self, connection: AsyncConnection, *, heard_since: datetime) -> Census:
        """Count everything; servers that were last heard of before ``heard_since`` are unheard of."""
        now, oldest = (
            await connection.execute(
                select(func.now(), func.min(launches.c.created_at)).where(launches.c.finished_at.is_(None))
            )
        ).one()
        stored = volumes.c.deleted_at.is_(None)
        full = volumes.c.used >= NEARLY_FULL * volumes.c.limit
        volume = (
            await connection.execute(
                select(
                    func.count(),
                    func.coalesce(func.sum(volumes.c.used), 0),
                    func.coalesce(func.sum(volumes.c.limit), 0),
                    func.count().filter(full),
                ).where(stored)
            )
        ).one()
        by_launch = await _count_states(connection, launches, launches.c.finished_at.is_(None))
        by_server = await _count_states(connection, sessions, sessions.c.deleted_at.is_(None))
        return Census(
            launches={LaunchState(state): count for state, count in by_launch.items()},
            oldest_launch=now - oldest if oldest else timedelta(0),
            servers={SessionState(state): count for state, count in by_server.items()},
            unheard=await _count_unheard(connection, heard_since),
            temporary_users=int(await connection.scalar(select(func.count()).select_from(temporary_users)) or 0),
            volumes=int(volume[0]),
            volumes_used=int(volume[1]),
            volumes_limit=int(volume[2]),
            volumes_nearly_full=int(volume[3]),
        )


async def _count_states(connection: AsyncConnection, table: Table, which: ColumnElement[bool]) -> dict[str, int]:
    statement = select(table.c.state, func.count()).where(which).group_by(table.c.state)
    return {row[0]: int(row[1]) for row in await connection.execute(statement)}


async def _count_unheard(connection: AsyncConnection, since: datetime) -> int:
    heard = func.greatest(observations.c.observed_at, sessions.c.observed_at)
    statement = (
        select(func.count())
        .select_from(sessions.outerjoin(observations, observations.c.session_id == sessions.c.id))
        .where(
            sessions.c.deleted_at.is_(None),
            sessions.c.state.in_([state.value for state in RUNNING_STATES]),
            func.coalesce(heard, sessions.c.created_at) < since,
        )
    )
    return int(await connection.scalar(statement) or 0)
