"""Idle verdicts as a pure function: warn, stop, and never on missing or stale data."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from heliostat_core.contracts.policy import IdleFacts
from heliostat_policy.domain.idle import STALE_AFTER, IdleJudgement, decide_idle
from heliostat_policy.domain.rules import Rule, Verdict
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.test_effective import override, policy

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


def decide(*, idle: timedelta | None, rules: dict[str, Any] | None = None, **more: Any) -> IdleJudgement:
    facts = {
        "session_id": UUID(int=1),
        "user": "ada",
        "server_name": "demo",
        "running": True,
        "started_at": NOW - 100 * HOUR,
        "last_activity": None if idle is None else NOW - idle,
        "activity_source": "kernel",
        "observed_at": NOW,
    } | more
    overrides = [override("special", {"user": "ada"}, **rules)] if rules else []
    return decide_idle(policy(*overrides), IdleFacts.model_validate(facts), NOW)


@pytest.mark.parametrize(
    ("idle", "verdict", "rule"),
    [
        (0 * HOUR, Verdict.KEEP, Rule.IDLE_TIMEOUT),
        (110 * MINUTE - SECOND, Verdict.KEEP, Rule.IDLE_TIMEOUT),
        (110 * MINUTE, Verdict.WARN, Rule.IDLE_WARNING),
        (120 * MINUTE - SECOND, Verdict.WARN, Rule.IDLE_WARNING),
        (120 * MINUTE, Verdict.STOP, Rule.IDLE_TIMEOUT),
        (99 * HOUR, Verdict.STOP, Rule.IDLE_TIMEOUT),
    ],
)
def test_the_boundaries(idle: timedelta, verdict: Verdict, rule: Rule) -> None:
    judgement = decide(idle=idle)
    assert (judgement.verdict, judgement.rule, judgement.stop_at) == (verdict, rule, NOW - idle + 2 * HOUR)


def test_the_reason_says_the_signal_the_age_and_the_limit() -> None:
    reason = decide(idle=timedelta(hours=2, seconds=3)).reason
    assert reason == "No activity for 2h 3s (the last was kernel); the limit is 2h"


@pytest.mark.parametrize(
    "more",
    [
        {"idle": None},
        {"idle": 9 * HOUR, "observed_at": None},
        {"idle": 9 * HOUR, "observed_at": NOW - STALE_AFTER - SECOND},
    ],
)
def test_missing_or_stale_data_stops_nothing(more: dict[str, Any]) -> None:
    judgement = decide(**more)
    assert (judgement.verdict, judgement.rule, judgement.stop_at) == (Verdict.KEEP, Rule.STALE_DATA, None)


def test_a_report_from_before_the_limit_stops_nothing() -> None:
    judgement = decide(idle=2 * HOUR + MINUTE, observed_at=NOW - 2 * MINUTE)
    assert (judgement.verdict, judgement.rule) == (Verdict.KEEP, Rule.STALE_DATA)
    assert decide(idle=2 * HOUR + MINUTE, observed_at=NOW - MINUTE).verdict is Verdict.STOP


def test_what_does_not_run_is_left_alone() -> None:
    judgement = decide(idle=9 * HOUR, running=False)
    assert (judgement.verdict, judgement.rule, judgement.stop_at) == (Verdict.KEEP, Rule.NOT_RUNNING, None)


def test_null_means_never() -> None:
    judgement = decide(idle=9999 * HOUR, rules={"idle_timeout": None})
    assert (judgement.verdict, judgement.stop_at) == (Verdict.KEEP, None)


def test_a_start_counts_as_activity() -> None:
    assert decide(idle=50 * HOUR, started_at=NOW - MINUTE).verdict is Verdict.KEEP


def test_times_in_the_future_count_as_now() -> None:
    judgement = decide(idle=-HOUR, observed_at=NOW + HOUR)
    assert (judgement.verdict, judgement.stop_at) == (Verdict.KEEP, NOW + 2 * HOUR)


def test_a_warning_never_takes_more_than_half_of_the_timeout() -> None:
    rules = {"idle_timeout": "10min", "idle_warning": "1h"}
    assert decide(idle=4 * MINUTE, rules=rules).verdict is Verdict.KEEP
    assert decide(idle=5 * MINUTE, rules=rules).verdict is Verdict.WARN


def test_without_a_warning_time_nobody_is_warned() -> None:
    assert decide(idle=2 * HOUR - SECOND, rules={"idle_warning": None}).verdict is Verdict.KEEP


ages = st.timedeltas(min_value=-2 * HOUR, max_value=300 * HOUR)


@given(idle=st.none() | ages, observed=st.none() | ages, started=st.none() | ages, running=st.booleans())
def test_a_stop_always_has_evidence(
    idle: timedelta | None, observed: timedelta | None, started: timedelta | None, *, running: bool
) -> None:
    judgement = decide(
        idle=idle,
        running=running,
        observed_at=None if observed is None else NOW - observed,
        started_at=None if started is None else NOW - started,
    )
    if judgement.verdict is Verdict.STOP:
        assert running
        assert idle is not None
        assert idle >= 2 * HOUR
        assert observed is not None
        assert observed <= STALE_AFTER
        assert started is None or started >= 2 * HOUR
