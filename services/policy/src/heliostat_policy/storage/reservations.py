"""Short reservations of server names, so that many requests at once cannot all take the last place.

A reservation ends by expiry, or when the server's deletion is read in the log. When an asker lists the server, its
reservation is cut short but not dropped: another request, whose list is a moment older, may still wait for the lock.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from heliostat_core.schema import reservations
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK_CLASS = 0x504F4C49
"""First key of the advisory locks of admission ("POLI"); the second is a hash of the user's name."""

_LOCK = text("SELECT pg_advisory_xact_lock(:lock_class, hashtext(:user))")

SETTLING = timedelta(seconds=15)
"""How long a list of servers can be on its way to us: the askers give up after ten seconds."""


class ReservationStorage:
    """Keeps reservations.

    Parameters
    ----------
    duration
        How long one is kept: by then the server's record exists, or its creation failed.
    """

    def __init__(self, *, duration: timedelta) -> None:
        self._duration = duration

    async def lock(self, connection: AsyncConnection, user: str) -> None:
        """Let one admission at a time count this user's servers, until the transaction ends."""
        await connection.execute(_LOCK, {"lock_class": _LOCK_CLASS, "user": user})

    async def list_names(self, connection: AsyncConnection, user: str) -> frozenset[str]:
        """List the names that are reserved and not expired."""
        statement = select(reservations.c.server_name).where(
            reservations.c.user == user, reservations.c.expires_at > func.clock_timestamp()
        )
        return frozenset(await connection.scalars(statement))

    async def ensure(self, connection: AsyncConnection, user: str, server_name: str) -> None:
        """Reserve a name, or renew its reservation."""
        expires_at = func.clock_timestamp() + self._duration
        statement = insert(reservations).values(user=user, server_name=server_name, expires_at=expires_at)
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=[reservations.c.user, reservations.c.server_name], set_={"expires_at": expires_at}
            )
        )

    async def settle(self, connection: AsyncConnection, user: str, existing: Collection[str]) -> None:
        """Cut short the reservations of servers that exist."""
        soon = func.clock_timestamp() + SETTLING
        statement = update(reservations).where(
            reservations.c.user == user, reservations.c.server_name.in_(existing), reservations.c.expires_at > soon
        )
        await connection.execute(statement.values(expires_at=soon))

    async def delete_made_before(
        self, connection: AsyncConnection, user: str, server_name: str, time: datetime
    ) -> None:
        """Drop a reservation of a server deleted at a time, unless it was made for a successor of the same name."""
        statement = delete(reservations).where(
            reservations.c.user == user,
            reservations.c.server_name == server_name,
            reservations.c.expires_at < time + self._duration,
        )
        await connection.execute(statement)

    async def delete_expired(self, connection: AsyncConnection) -> None:
        """Drop what has expired."""
        await connection.execute(delete(reservations).where(reservations.c.expires_at < func.clock_timestamp()))
