"""Showing how much there is to whoever watches the metrics."""

from heliostat_core.database import Database

from ..metrics import CensusMetrics
from ..storage.census import CensusStorage


class CensusService:
    """Counts for the metrics."""

    def __init__(self, *, database: Database, storage: CensusStorage, metrics: CensusMetrics) -> None:
        self._database = database
        self._storage = storage
        self._metrics = metrics

    async def take(self) -> None:
        """Count and show; what cannot be counted now is shown as unknown. A background job of every replica."""
        self._metrics.show_space(await self._storage.read_space())
        try:
            async with self._database.statements() as connection:
                census = await self._storage.count(connection)
        except Exception:
            self._metrics.forget()
            raise
        self._metrics.show(census)
