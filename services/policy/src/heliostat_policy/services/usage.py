"""Following the log: which servers exist, and which reservations are done with."""

from math import nan

from heliostat_core.contracts.events import SessionDeleted
from heliostat_core.database import Database, DatabaseUnavailableError
from heliostat_core.eventstore import EventStore, Follower, Recorded
from sqlalchemy.ext.asyncio import AsyncConnection

from ..metrics import PolicyMetrics
from ..storage.projections import UsageProjection
from ..storage.reservations import ReservationStorage
from ..storage.usage import UsageStorage

FOLLOWER = "policy-usage"


class UsageService:
    """Keeps `usage` and the reservations in step with the sessions service's events."""

    def __init__(
        self,
        *,
        database: Database,
        store: EventStore,
        usage: UsageStorage,
        reservations: ReservationStorage,
        metrics: PolicyMetrics,
    ) -> None:
        self._database = database
        self._lag = metrics.follower_lag.labels(FOLLOWER)
        self._usage = usage
        self._reservations = reservations
        self._projection = UsageProjection()
        self._follower = Follower(store=store, name=FOLLOWER, effect=self._apply)

    async def catch_up(self, *, wait: bool = False) -> int:
        """Apply the events that are new; with ``wait`` also see those applied that another replica is at."""
        return await self._follower.catch_up(wait=wait)

    async def measure_lag(self) -> None:
        """Show how far behind the log this is; unknown where it cannot be read."""
        try:
            self._lag.set((await self._follower.read_lag()).total_seconds())
        except DatabaseUnavailableError:
            self._lag.set(nan)
            raise

    async def delete_expired_reservations(self) -> None:
        """Drop reservations nobody asks about any more."""
        async with self._database.statements() as connection:
            await self._reservations.delete_expired(connection)

    async def _apply(self, connection: AsyncConnection, event: Recorded) -> None:
        if isinstance(event.data, SessionDeleted):
            server = await self._usage.read_server(connection, event.data.session_id)
            if server is not None:
                user, name = server
                await self._reservations.delete_made_before(connection, user, name, event.time)
        await self._projection.apply(connection, event)
