from datetime import UTC, datetime, timedelta

from heliostat_core.contracts.sessions import ActivityReport
from heliostat_sessions.domain.activity import find_last_activity
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TIMES = st.timedeltas(timedelta(days=-1), timedelta(days=1)).map(lambda delta: NOW + delta)


@given(started=TIMES, request=st.none() | TIMES, kernel=st.none() | TIMES, terminal=st.none() | TIMES)
def test_the_newest_signal_counts_and_never_lies_ahead(
    started: datetime, request: datetime | None, kernel: datetime | None, terminal: datetime | None
) -> None:
    report = ActivityReport(
        started_at=started, last_request=request, last_kernel=kernel, last_terminal=terminal, sent_at=NOW
    )
    time, source = find_last_activity(report, now=NOW)
    signals = {"start": started, "requests": request, "kernel": kernel, "terminal": terminal}
    newest = max(value for value in signals.values() if value is not None)
    assert time == min(newest, NOW)
    assert signals[source] == newest


def test_a_busy_kernel_is_active_now() -> None:
    old = NOW - timedelta(hours=3)
    report = ActivityReport(started_at=old, last_kernel=old, kernels_busy=1, sent_at=NOW)
    assert find_last_activity(report, now=NOW) == (NOW, "kernel")
