"""Metrics of the policy service. All labels are closed lists, created at the start so that rates begin at zero."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .domain.rules import Rule, Verdict

_ACTIONS = ("build", "create", "start", "rename", "share")
_REFUSING = (Rule.SERVER_NAME_LENGTH, Rule.NAMED_SERVERS, Rule.LAUNCHES, Rule.REQUIRE_ENFORCEMENT, Rule.SHARING)
_IDLE = (
    (Verdict.KEEP, Rule.IDLE_TIMEOUT),
    (Verdict.KEEP, Rule.NOT_RUNNING),
    (Verdict.KEEP, Rule.STALE_DATA),
    (Verdict.WARN, Rule.IDLE_WARNING),
    (Verdict.STOP, Rule.IDLE_TIMEOUT),
)
_NO_RULE = "none"
_DECISION_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
"""Seconds; one admission is two or three statements, one batch of idle checks some tens of milliseconds."""


class PolicyMetrics:
    """Decisions made, and the state of the policy in force."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "heliostat_policy_decisions", "Decisions made", ["action", "verdict", "rule"], registry=registry
        )
        self.duration = Histogram(
            "heliostat_policy_decision_duration_seconds",
            "Time to answer one admission, or one batch of idle checks",
            ["action"],
            buckets=_DECISION_BUCKETS,
            registry=registry,
        )
        self.version = Gauge(
            "heliostat_policy_version", "Version of the policy in force in this process", registry=registry
        )
        self.reload_failures = Counter(
            "heliostat_policy_reload_failures",
            "Versions of the policy that this process could not read and did not put in force",
            registry=registry,
        )
        self.follower_lag = Gauge(
            "heliostat_follower_lag_seconds",
            "Age of the oldest event that was not followed yet, of all processes",
            ["follower"],
            registry=registry,
        )
        for action in _ACTIONS:
            self._decisions.labels(action, Verdict.ALLOW, _NO_RULE)
            for rule in _REFUSING:
                self._decisions.labels(action, Verdict.REFUSE, rule)
        for verdict, rule in _IDLE:
            self._decisions.labels("idle", verdict, rule)
        for action in (*_ACTIONS, "idle"):
            self.duration.labels(action)

    def count(self, action: str, verdict: Verdict, rule: Rule | None, *, times: int = 1) -> None:
        """Count decisions of one kind."""
        self._decisions.labels(action, verdict, _NO_RULE if rule is None else rule).inc(times)
