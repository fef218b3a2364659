"""Background work of a process: every loop is declared, named, counted, retried, and stopped in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

_FIRST_RETRY = 0.5
_LONGEST_RETRY = 30.0
_SETTLED = 15.0  # seconds; longer than it takes to find out that something cannot be reached
_STOP_TIMEOUT = timedelta(seconds=10)


@dataclass(slots=True)
class Job:
    """One loop.

    Parameters
    ----------
    name
        What it does, for logs, metrics and ``/readyz``.
    interval
        Pause between runs; a run that returned is a success.
    work
        The work: a public method of a service, which tests call directly.
    wait
        Awaited instead of the pause, to start early on a hint.
    endless
        The work never returns by itself; it counts as fresh while it runs, after a failure once it has run for a while.
    """

    name: str
    interval: timedelta
    work: Callable[[], Awaitable[object]]
    wait: Callable[[], Awaitable[None]] | None = None
    endless: bool = False
    last_success: float = field(default_factory=monotonic)
    failing_since: float | None = None
    running_since: float | None = None

    def settled(self) -> bool:
        """Whether the present run has lasted so long that an earlier failure is over."""
        return self.running_since is not None and monotonic() - self.running_since >= _SETTLED

    def fresh(self) -> bool:
        """Whether it succeeded within three intervals, and at least ten seconds."""
        if self.endless:
            return self.overdue() < _LONGEST_RETRY
        return self.overdue() < max(3 * self.interval.total_seconds(), 10) + _LONGEST_RETRY

    def overdue(self) -> float:
        """Seconds since it last succeeded; of one that never returns, since it began to fail."""
        if self.endless:
            return 0 if self.failing_since is None or self.settled() else monotonic() - self.failing_since
        return monotonic() - self.last_success


class Supervisor:
    """Runs jobs until it is left; a job that raises is logged, counted and tried again with back-off.

    Parameters
    ----------
    registry
        Where failures are counted.
    """

    def __init__(self, *, registry: CollectorRegistry) -> None:
        self._log = structlog.get_logger()
        self.jobs: list[Job] = []
        # The label is not `job`: Prometheus has one of that name for what it scrapes.
        self._runs = Counter(
            "heliostat_job_runs", "Runs of background jobs by outcome", ["task", "outcome"], registry=registry
        )
        self._fresh = Gauge(
            "heliostat_job_fresh",
            "Whether a background job succeeds as often as it should",
            ["task"],
            registry=registry,
        )
        self._overdue = Gauge(
            "heliostat_job_success_age_seconds",
            "Time since a background job last succeeded; of one that never returns, since it began to fail",
            ["task"],
            registry=registry,
        )

    @asynccontextmanager
    async def running(self, jobs: Sequence[Job]) -> AsyncIterator[None]:
        """Run the jobs while the body runs, then cancel them and wait until they have ended."""
        self.jobs.extend(jobs)
        for job in jobs:
            for outcome in ("success", "failure"):
                self._runs.labels(job.name, outcome)
            self._fresh.labels(job.name).set_function(job.fresh)
            self._overdue.labels(job.name).set_function(job.overdue)
        tasks = [asyncio.create_task(self._loop(job), name=job.name) for job in jobs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                _, left = await asyncio.wait(tasks, timeout=_STOP_TIMEOUT.total_seconds())
                for task in left:
                    self._log.error("background job did not stop", job=task.get_name())

    def stale(self) -> list[str]:
        """Name the jobs that have not succeeded for too long."""
        return [job.name for job in self.jobs if not job.fresh()]

    async def _loop(self, job: Job) -> None:
        retry = _FIRST_RETRY
        while True:
            job.running_since = monotonic()
            try:
                await job.work()
            except Exception as error:  # noqa: BLE001 the one place where work may fail for any reason and go on
                if job.failing_since is None or (job.endless and job.settled()):
                    job.failing_since, retry = monotonic(), _FIRST_RETRY
                job.running_since = None
                self._runs.labels(job.name, "failure").inc()
                self._log.warning("background job failed", job=job.name, error=repr(error), retry_in=retry)
                await asyncio.sleep(retry)
                retry = min(retry * 2, _LONGEST_RETRY)
                continue
            job.last_success, job.failing_since, retry = monotonic(), None, _FIRST_RETRY
            self._runs.labels(job.name, "success").inc()
            if job.wait is not None:
                await job.wait()
            else:
                await asyncio.sleep(job.interval.total_seconds())
