"""Showing how much there is to whoever watches the metrics."""

from datetime import UTC, datetime, timedelta

from heliostat_core.database import Database

from ..metrics import CensusMetrics
from ..storage.census import CensusStorage


class CensusService:
    """Counts for the metrics.

    Parameters
    ----------
    freshness
        A server that was last heard of longer ago counts as unheard of.
    """

    def __init__(
        self, *, database: Database, storage: CensusStorage, metrics: CensusMetrics, freshness: timedelta
    ) -> None:
        self._database = database
        self._storage = storage
        self._metrics = metrics
        self._freshness = freshness

    async def take(self) -> None:
        """Count and show; what cannot be counted now is shown as unknown. A background job of every replica."""
        try:
            async with self._database.statements() as connection:
                heard_since = datetime.now(UTC) - self._freshness
                census = await self._storage.count(connection, heard_since=heard_since)
        except Exception:
            self._metrics.forget()
            raise
        self._metrics.show(census)
