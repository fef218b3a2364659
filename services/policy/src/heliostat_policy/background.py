"""Every loop of the policy service."""

from datetime import timedelta

from heliostat_core.supervisor import Job

from .factory import ProcessContext

_SECOND = timedelta(seconds=1)


def build_jobs(process: ProcessContext) -> list[Job]:
    """List the loops of one process."""
    policies, usage = process.factory.policies, process.factory.usage
    return [
        Job("refresh policy", _SECOND, policies.refresh, wait=policies.wait),
        Job("follow sessions", _SECOND, usage.catch_up),
        Job("measure lag", timedelta(seconds=15), usage.measure_lag),
        Job("delete expired reservations", timedelta(minutes=1), usage.delete_expired_reservations),
        Job("send wakeups", _SECOND, process.wakeups.send, endless=True),
        Job("listen for wakeups", _SECOND, process.wakeups.listen, endless=True),
    ]
