"""Counts of requests per client in Postgres, so that all replicas count together."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_COUNT = text("""
INSERT INTO rate_limits AS known (key, used, ends_at) VALUES (:key, 1, now() + :period)
ON CONFLICT (key) DO UPDATE SET
    used = CASE WHEN known.ends_at <= now() THEN 1 ELSE least(known.used, :most) + 1 END,
    ends_at = CASE WHEN known.ends_at <= now() THEN now() + :period ELSE known.ends_at END
RETURNING used, ends_at, now() AS read_at
""")
_FORGET = text("""
DELETE FROM rate_limits WHERE key IN (
    SELECT key FROM rate_limits WHERE ends_at <= now() LIMIT 10000 FOR UPDATE SKIP LOCKED
)
""")


@dataclass(frozen=True, slots=True)
class Window:
    """How often a client asked in the window that runs, this time included, and when it ends."""

    used: int
    ends_at: datetime
    read_at: datetime


class RateLimitStorage:
    """Counts requests."""

    async def count(self, connection: AsyncConnection, key: str, *, period: timedelta, most: int) -> Window:
        """Count one request of a client, up to one above ``most``, in one statement that no other can split."""
        row = (await connection.execute(_COUNT, {"key": key, "period": period, "most": most})).one()
        return Window(used=row.used, ends_at=row.ends_at, read_at=row.read_at)

    async def forget(self, connection: AsyncConnection) -> None:
        """Remove windows that have ended."""
        await connection.execute(_FORGET)
