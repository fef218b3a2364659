"""Running leased work as owned tasks: at once what this process took on, later what another one left behind."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog
from heliostat_core.database import Database
from heliostat_core.errors import HeliostatError
from heliostat_core.work import Lease, LeaseLostError, WorkQueue

Work = Callable[[], Awaitable[None]]

_RETRY = timedelta(seconds=1)
_LONGEST_RETRY = timedelta(seconds=60)
_AT_ONCE = 200
"""Work taken over in one go; after an outage the rest follows a second later."""


class WorkRunner:
    """Owns the tasks of leased work; an async context manager that gives the leases back on leaving.

    Parameters
    ----------
    workers
        For each kind of work, what makes the work of a lease that was taken over.
    """

    def __init__(
        self, *, database: Database, queue: WorkQueue, workers: Mapping[str, Callable[[Lease], Awaitable[None]]]
    ) -> None:
        self._database = database
        self._queue = queue
        self._workers = workers
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)

    def start(self, lease: Lease, work: Work | None = None) -> None:
        """Begin the work of a lease this process holds."""
        worker = self._workers[lease.kind]
        task = asyncio.create_task(self._run(lease, work or (lambda: worker(lease))), name=f"{lease.kind} {lease.key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def adopt(self) -> None:
        """Take over work whose process is gone. A background job."""
        for kind in self._workers:
            for lease in await self._queue.claim(kind, most=_AT_ONCE):
                self.start(lease)

    async def _run(self, lease: Lease, work: Work) -> None:
        delay: timedelta | None = timedelta(0)
        try:
            async with self._queue.held(lease):
                await work()
                async with self._database.statements() as connection:
                    await self._queue.finish(connection, lease)
                delay = None
        except LeaseLostError:
            delay = None
            self._log.warning("work was taken over by another process", kind=lease.kind, key=lease.key)
        except HeliostatError as error:
            delay = _RETRY
            self._log.info("work waits", kind=lease.kind, key=lease.key, error=error.code)
        except Exception as error:  # noqa: BLE001 a bug or a broken world: the work stays, and is tried again ever more rarely
            delay = min(_RETRY * 2 ** min(lease.attempt, 10), _LONGEST_RETRY)
            self._log.error("work failed", kind=lease.kind, key=lease.key, error=repr(error), exc_info=error)
        finally:
            if delay is not None:  # after success and after a loss there is nothing to give back
                await self._release(lease, delay)

    async def _release(self, lease: Lease, delay: timedelta) -> None:
        try:
            await self._queue.release(lease, delay=delay)
        except HeliostatError:
            self._log.warning("a lease could not be given back and will expire", kind=lease.kind, key=lease.key)
