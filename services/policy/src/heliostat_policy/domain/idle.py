"""Has a server been idle too long? A pure function of (policy, facts, now); missing or stale data stops nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from heliostat_core.contracts.policy import IdleFacts, Rules
from heliostat_core.units import format_duration

from .effective import Effective, PolicyInForce
from .rules import Rule, Verdict

STALE_AFTER = timedelta(minutes=10)
"""A report older than this says nothing about now: several of the server's reports, and of the hub's, are missing."""


@dataclass(frozen=True, slots=True)
class IdleJudgement:
    """What to do with one server and why; ``since`` is when it was last seen in use."""

    verdict: Verdict
    rule: Rule
    reason: str
    stop_at: datetime | None
    since: datetime | None
    effective: Effective


def decide_idle(policy: PolicyInForce, facts: IdleFacts, now: datetime) -> IdleJudgement:
    """Decide whether to keep, warn or stop one server."""
    effective = policy.effective(facts.user, tuple(facts.groups), facts.repository)
    timeout = effective.rules.idle_timeout
    if not facts.running:
        return _keep(effective, Rule.NOT_RUNNING, "The server is not running")
    if timeout is None:
        return _keep(effective, Rule.IDLE_TIMEOUT, "The policy never stops this server for being idle")
    if facts.last_activity is None or facts.observed_at is None:
        return _keep(effective, Rule.STALE_DATA, "Nothing is known of its activity, so it is left running")
    # Activity from before the start is another life of the server; a time in the future is a clock that is ahead.
    since = min(max(facts.last_activity, facts.started_at or facts.last_activity), now)
    observed = min(facts.observed_at, now)
    if now - observed > STALE_AFTER:
        reason = f"The last report came {_say(now - observed)} ago, so it is left running"
        return _keep(effective, Rule.STALE_DATA, reason, since)
    stop_at = since + timeout
    verdict, rule, outlook = _judge(effective.rules, timeout, observed=observed, stop_at=stop_at, now=now)
    reason = (
        f"No activity for {_say(now - since)} (the last was {facts.activity_source or 'of unknown kind'}); {outlook}"
    )
    return IdleJudgement(verdict, rule, reason, stop_at, since, effective)


def _judge(
    rules: Rules, timeout: timedelta, *, observed: datetime, stop_at: datetime, now: datetime
) -> tuple[Verdict, Rule, str]:
    limit = f"the limit is {format_duration(timeout)}"
    if observed >= stop_at:
        return Verdict.STOP, Rule.IDLE_TIMEOUT, limit
    if now >= stop_at:
        # The last report is from before the limit: the server may have been used since, and the next one will tell.
        return Verdict.KEEP, Rule.STALE_DATA, f"{limit}; waiting for a report from after {stop_at:%H:%M:%S} UTC"
    if now >= stop_at - _warning(rules, timeout):
        return Verdict.WARN, Rule.IDLE_WARNING, f"it will be stopped in {_say(stop_at - now)}"
    return Verdict.KEEP, Rule.IDLE_TIMEOUT, limit


def _warning(rules: Rules, timeout: timedelta) -> timedelta:
    # At most half of the timeout: a server is not told that it is idle the moment it starts.
    return min(rules.idle_warning or timedelta(0), timeout / 2)


def _keep(effective: Effective, rule: Rule, reason: str, since: datetime | None = None) -> IdleJudgement:
    return IdleJudgement(Verdict.KEEP, rule, reason, None, since, effective)


def _say(duration: timedelta) -> str:
    """Write a duration to the second; people do not read milliseconds."""
    return format_duration(timedelta(seconds=round(max(duration, timedelta(0)).total_seconds())))
