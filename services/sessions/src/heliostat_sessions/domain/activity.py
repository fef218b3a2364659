"""What a server's report says about the last activity, and when that is worth an event."""

from datetime import datetime, timedelta

from heliostat_core.contracts.sessions import ActivityReport, ActivitySource

from .ledger import Session

NOTABLE = timedelta(seconds=60)
"""An activity moves the ledger only when it is this much newer: reports come every few seconds, events should not."""


def find_last_activity(report: ActivityReport, *, now: datetime) -> tuple[datetime, ActivitySource]:
    """Find the newest signal of a report; a clock ahead of ours cannot make a server active in the future."""
    signals: list[tuple[datetime, ActivitySource]] = [(report.started_at, "start")]
    if report.last_request is not None:
        signals.append((report.last_request, "requests"))
    if report.last_kernel is not None:
        signals.append((report.last_kernel, "kernel"))
    if report.last_terminal is not None:
        signals.append((report.last_terminal, "terminal"))
    if report.kernels_busy:
        signals.append((now, "kernel"))
    time, source = max(signals, key=lambda signal: signal[0])
    return min(time, now), source


def is_notable(session: Session, last_activity: datetime, source: str) -> bool:
    """Whether an activity is to be recorded as an event."""
    if session.recorded_activity is None:
        return True
    moved = last_activity - session.recorded_activity
    return moved >= NOTABLE or (moved > timedelta(0) and source != session.recorded_source)
