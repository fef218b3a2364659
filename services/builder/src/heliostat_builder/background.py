"""Every loop of the builder."""

from datetime import timedelta
from functools import partial

from heliostat_core.supervisor import Job

from .factory import ProcessContext
from .services.builds import CONTENT_WORK, FULL_WORK

CONTENT_WORKERS = 4
"""Laying out files is short and mostly waits for the disk."""

_SECOND = timedelta(seconds=1)


def build_jobs(process: ProcessContext) -> list[Job]:
    """List the loops of one process; each worker does one build at a time."""
    worker = process.factory.worker
    workers = [(FULL_WORK, process.config.parallel_builds), (CONTENT_WORK, CONTENT_WORKERS)]
    return [
        *(
            Job(f"work on {kind} {number}", _SECOND, partial(worker.work, kind), endless=True)
            for kind, count in workers
            for number in range(1, count + 1)
        ),
        Job("take census", timedelta(seconds=15), process.factory.census.take),
        Job("collect", timedelta(minutes=10), process.factory.retention.collect_regularly),
        Job("tidy builds", timedelta(minutes=1), process.factory.environments.tidy),
        Job("trim mirrors", timedelta(minutes=10), process.factory.environments.trim_mirrors),
        Job("send wakeups", _SECOND, process.wakeups.send, endless=True),
        Job("listen for wakeups", _SECOND, process.wakeups.listen, endless=True),
    ]
