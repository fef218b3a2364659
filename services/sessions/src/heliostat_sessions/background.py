"""Every loop of the sessions service."""

from datetime import timedelta

from heliostat_core.supervisor import Job

from .factory import ProcessContext

_SECOND = timedelta(seconds=1)
_FORGET_INTERVAL = timedelta(minutes=10)
_LOOK_INTERVAL = timedelta(seconds=15)


def build_jobs(process: ProcessContext) -> list[Job]:
    """List the loops of one process."""
    config, factory = process.config, process.factory
    return [
        Job("take over work", _SECOND, factory.runner.adopt),
        Job("reconcile with the hub", min(config.reconcile_interval, _SECOND), factory.reconcile.run),
        Job("reconcile users after changes", _SECOND, factory.reconciler.follow_requests, endless=True),
        Job("sweep idle servers", min(config.idle_sweep_interval, _SECOND), factory.sweep.run),
        Job("measure storage", min(config.measure_interval, _SECOND), factory.measure.run),
        Job("delete temporary users", min(config.reconcile_interval, _SECOND), factory.temporary.run),
        Job("forget old rate limits", _FORGET_INTERVAL, factory.rate_limits.forget),
        Job("take census", _LOOK_INTERVAL, factory.census.take),
        Job("look at peers", _LOOK_INTERVAL, factory.health.check),
        Job("send wakeups", _SECOND, process.wakeups.send, endless=True),
        Job("listen for wakeups", _SECOND, process.wakeups.listen, endless=True),
    ]
