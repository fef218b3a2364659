"""How often somebody may ask for a launch."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from heliostat_core.database import Database

from ..errors import RateLimitError
from ..storage.rate_limits import RateLimitStorage


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a client until its window ends."""

    limit: int
    remaining: int
    ends_at: datetime


class RateLimiter:
    """Counts requests in fixed windows that begin with a client's first.

    Parameters
    ----------
    period
        Length of a window.
    """

    def __init__(self, *, database: Database, storage: RateLimitStorage, period: timedelta) -> None:
        self._database = database
        self._storage = storage
        self._period = period

    async def charge(self, key: str, *, limit: int) -> Allowance:
        """Count one request of a client.

        Raises
        ------
        RateLimitError
            It is one too many; the error says when the window ends.
        """
        async with self._database.statements() as connection:
            window = await self._storage.count(connection, key, period=self._period, most=limit)
        if window.used > limit:
            left = (window.ends_at - window.read_at).total_seconds()
            raise RateLimitError(
                limit=limit, period=self._period, ends_at=window.ends_at, retry_after=max(math.ceil(left), 1)
            )
        return Allowance(limit=limit, remaining=limit - window.used, ends_at=window.ends_at)

    async def forget(self) -> None:
        """Remove windows that have ended. A background job."""
        async with self._database.statements() as connection:
            await self._storage.forget(connection)
