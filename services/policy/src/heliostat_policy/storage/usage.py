"""What users have, as the log says."""

from typing import Any
from uuid import UUID

from heliostat_core.schema import decisions, usage
from sqlalchemy import Select, String, func, lateral, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from ..domain.effects import UserUsage


class UsageStorage:
    """Reads `usage`, which a follower keeps."""

    async def read(self, connection: AsyncConnection, user: str) -> UserUsage:
        """Read the servers of one user and the groups of the latest decision about them."""
        servers = await connection.scalars(select(usage.c.server_name).where(usage.c.user == user))
        groups = (await connection.execute(_latest_groups(user))).scalar_one_or_none()
        return UserUsage(user=user, groups=tuple(groups or ()), servers=tuple(servers))

    async def list_all(self, connection: AsyncConnection) -> list[UserUsage]:
        """List the usage of every user who has a server."""
        names = func.array_agg(usage.c.server_name, type_=ARRAY(String)).label("servers")
        users = select(usage.c.user, names).group_by(usage.c.user).subquery()
        latest = lateral(_latest_groups(users.c.user))
        statement = select(users.c.user, users.c.servers, latest.c.groups).select_from(users.outerjoin(latest, true()))
        return [
            UserUsage(user=row.user, groups=tuple(row.groups or ()), servers=tuple(row.servers))
            for row in await connection.execute(statement.order_by(users.c.user))
        ]

    async def read_server(self, connection: AsyncConnection, session_id: UUID) -> tuple[str, str] | None:
        """Read user and server name of one session that exists."""
        statement = select(usage.c.user, usage.c.server_name).where(usage.c.session_id == session_id)
        row = (await connection.execute(statement)).one_or_none()
        return None if row is None else (row.user, row.server_name)


def _latest_groups(user: str | ColumnElement[Any]) -> Select[Any]:
    groups = decisions.c.facts["groups"].label("groups")
    known = select(groups).where(decisions.c.user == user, func.jsonb_exists(decisions.c.facts, "groups"))
    return known.order_by(decisions.c.time.desc()).limit(1)
