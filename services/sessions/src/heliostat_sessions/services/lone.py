"""Jobs of which only one replica does each run."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from heliostat_core.database import Database
from heliostat_core.work import LeaseLostError, WorkQueue

_KIND = "job"


class LoneJob:
    """Runs when its lease is free, at most once per interval over all replicas.

    Parameters
    ----------
    name
        Name of the job; the same in all replicas.
    interval
        Pause between runs.
    work
        What to do.
    """

    def __init__(
        self,
        *,
        database: Database,
        queue: WorkQueue,
        name: str,
        interval: timedelta,
        work: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._queue = queue
        self._name = name
        self._interval = interval
        self._work = work

    async def run(self) -> None:
        """Do one run, unless another replica does or has just done it."""
        leases = await self._queue.claim(_KIND, key=self._name)
        if not leases:
            await self._ensure()
            return
        (lease,) = leases
        try:
            async with self._queue.held(lease):
                await self._work()
        except LeaseLostError:
            return
        finally:
            await self._queue.release(lease, delay=self._interval)

    async def _ensure(self) -> None:
        async with self._database.statements() as connection:
            await self._queue.add(connection, kind=_KIND, key=self._name)
