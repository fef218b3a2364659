"""How much runs, by the read models."""

from heliostat_core.contracts.builds import BuildState
from heliostat_core.schema import builds, sessions
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.ledger import RUNNING_STATES


class HealthStorage:
    """Counts what runs."""

    async def count_running(self, connection: AsyncConnection) -> tuple[int, int]:
        """Count builds and servers."""
        building = select(func.count()).select_from(builds).where(builds.c.state == BuildState.RUNNING.value)
        states = [state.value for state in RUNNING_STATES]
        serving = select(func.count()).select_from(sessions).where(sessions.c.state.in_(states))
        found = (await connection.execute(select(building.scalar_subquery(), serving.scalar_subquery()))).one()
        return int(found[0]), int(found[1])
