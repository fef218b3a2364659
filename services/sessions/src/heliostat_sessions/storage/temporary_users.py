"""The ledger of temporary users: a name is in it before the hub knows it, and until the hub has forgotten it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from heliostat_core.schema import temporary_users
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK = text("SELECT pg_advisory_xact_lock(1280658001, -1)")
"""The first number is that of this service's locks on users; no hash of a name is the second by intention."""


@dataclass(frozen=True, slots=True)
class TemporaryUser:
    """A user made for one launch."""

    name: str
    launch_id: UUID | None
    created_at: datetime


class TemporaryUserStorage:
    """Temporary users in Postgres."""

    async def add(self, connection: AsyncConnection, name: str, *, most: int) -> bool:
        """Add a name unless there are ``most`` already; one at a time over all replicas."""
        await connection.execute(_LOCK)
        count = await connection.scalar(select(func.count()).select_from(temporary_users))
        if count is None or count >= most:
            return False
        await connection.execute(insert(temporary_users).values(name=name))
        return True

    async def assign(self, connection: AsyncConnection, name: str, launch_id: UUID) -> None:
        """Record the launch a user was made for."""
        known = temporary_users.c.name == name
        await connection.execute(update(temporary_users).where(known).values(launch_id=launch_id))

    async def list_all(self, connection: AsyncConnection) -> list[TemporaryUser]:
        """List all of them."""
        rows = await connection.execute(select(temporary_users).order_by(temporary_users.c.created_at))
        return [TemporaryUser(name=row.name, launch_id=row.launch_id, created_at=row.created_at) for row in rows]

    async def remove(self, connection: AsyncConnection, name: str) -> None:
        """Remove a name."""
        await connection.execute(delete(temporary_users).where(temporary_users.c.name == name))
