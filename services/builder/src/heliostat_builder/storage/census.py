"""Counting in the read models, and looking at the disk."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

from heliostat_core.contracts.builds import BuildState
from heliostat_core.schema import builds, environments
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.census import Census, Space


class CensusStorage:
    """Counts what there is.

    Parameters
    ----------
    directory
        The state directory, whose disk fills up.
    """

    def __init__(self, *, directory: Path) -> None:
        self._directory = directory

    async def count(self, connection: AsyncConnection) -> Census:
        """Count builds that have not ended, and environments."""
        queued = builds.c.state == BuildState.QUEUED
        unfinished = select(
            func.count().filter(queued).label("queued"),
            func.count().label("unfinished"),
            (func.now() - func.min(builds.c.created_at).filter(queued)).label("oldest"),
        ).where(builds.c.state.in_((BuildState.QUEUED, BuildState.RUNNING)))
        kept = select(func.count().label("count"), func.coalesce(func.sum(environments.c.size), 0).label("size"))
        under_way = (await connection.execute(unfinished)).one()
        stored = (await connection.execute(kept.where(environments.c.retired_at.is_(None)))).one()
        return Census(
            queued=under_way.queued,
            running=under_way.unfinished - under_way.queued,
            oldest_wait=under_way.oldest or timedelta(0),
            environments=stored[0],
            environments_size=int(stored[1]),
        )

    async def read_space(self) -> Space:
        """Read how much of the disk is left."""
        usage = await asyncio.to_thread(shutil.disk_usage, self._directory)
        return Space(size=usage.total, free=usage.free)
