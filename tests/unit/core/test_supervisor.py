"""When background work that never returns counts as well again after it failed."""

import asyncio
from datetime import timedelta
from time import monotonic

from heliostat_core.supervisor import Job, Supervisor
from prometheus_client import CollectorRegistry


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


def build_endless(*, failing_for: float, running_for: float | None) -> Job:
    now = monotonic()
    job = Job("listen", timedelta(seconds=1), wait_for_ever, endless=True)
    job.failing_since = now - failing_for
    job.running_since = None if running_for is None else now - running_for
    return job


def test_work_that_runs_again_for_a_while_is_well_however_long_it_failed() -> None:
    assert build_endless(failing_for=600, running_for=20).fresh()


def test_work_that_has_only_just_begun_again_is_not() -> None:
    assert not build_endless(failing_for=600, running_for=1).fresh()
    assert not build_endless(failing_for=600, running_for=None).fresh()


async def test_a_failure_after_a_long_run_is_a_new_one() -> None:
    failed = asyncio.Event()

    async def fail_after_a_long_run() -> None:
        if failed.is_set():
            await wait_for_ever()
        job.running_since = monotonic() - 3600
        failed.set()
        raise OSError("the connection broke")

    job = Job("listen", timedelta(seconds=1), fail_after_a_long_run, endless=True)
    job.failing_since = monotonic() - 600
    async with Supervisor(registry=CollectorRegistry()).running([job]):
        await failed.wait()
        await asyncio.sleep(0)

        assert job.overdue() < 60
