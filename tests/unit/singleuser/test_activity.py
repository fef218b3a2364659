"""Which requests a person causes, and how signals add up."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from heliostat_core.contracts.sessions import ActivityReport
from heliostat_singleuser.activity import Activity, is_by_person

EARLY = datetime(2026, 11, 23, 10, tzinfo=UTC)
LATE = EARLY + timedelta(hours=1)


@pytest.mark.parametrize(
    ("method", "path", "navigation", "by_person"),
    [
        ("GET", "/user/a/api/sessions", False, False),
        ("GET", "/user/a/api/contents", False, False),
        ("HEAD", "/user/a/api", False, False),
        ("GET", "/user/a/lab/tree/x.ipynb", True, True),
        ("PUT", "/user/a/api/contents/x.ipynb", False, True),
        ("POST", "/user/a/api/sessions", False, True),
        ("DELETE", "/user/a/api/terminals/1", False, True),
        ("PUT", "/user/a/lab/api/workspaces/default", False, False),
    ],
)
def test_opening_and_changing_is_a_persons_doing(method: str, path: str, *, navigation: bool, by_person: bool) -> None:
    assert is_by_person(method=method, path=path, navigation=navigation, authenticated=True) is by_person
    assert not is_by_person(method=method, path=path, navigation=navigation, authenticated=False)


def test_times_only_move_forward_past_what_has_ended() -> None:
    activity = Activity(started_at=EARLY)
    activity.observe_kernels([SimpleNamespace(execution_state="idle", last_activity=LATE)])
    activity.observe_terminals([LATE])
    activity.observe_kernels([])
    activity.observe_terminals([EARLY])
    assert (activity.last_kernel, activity.last_terminal, activity.kernels_busy) == (LATE, LATE, 0)


def test_a_busy_kernel_is_active_now() -> None:
    activity = Activity(started_at=EARLY)
    activity.observe_kernels([SimpleNamespace(execution_state="busy", last_activity=EARLY)])
    assert activity.kernels_busy == 1
    assert activity.last_kernel
    assert datetime.now(UTC) - activity.last_kernel < timedelta(minutes=1)


def test_a_report_is_what_sessions_expects() -> None:
    activity = Activity(started_at=EARLY)
    activity.observe_terminals([LATE])
    report = ActivityReport.model_validate(activity.to_report())
    assert (report.started_at, report.last_terminal, report.last_request) == (EARLY, LATE, None)
