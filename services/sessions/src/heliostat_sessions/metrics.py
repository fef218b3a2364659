"""What the sessions service counts and measures; labels are closed sets, made at the start so that a zero is seen."""

from heliostat_core.metrics import WAIT_BUCKETS
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .domain.outcomes import Outcome

_PHASES = ("plan", "build", "admit", "spawn")
_PLANS = ("hit", "content-only", "full", "none")
_VERDICTS = ("keep", "warn", "stop", "changed")
_REASONS = ("user", "idle", "delete", "admin")
_FINDINGS = ("created", "started", "stopped", "deleted", "volume", "orphan", "unknown_volume", "forgotten")


class SessionsMetrics:
    """Launches, sweeps and findings."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.launches = Counter(
            "heliostat_launches", "Launches ended, by last phase, outcome and plan", ["phase", "outcome", "plan"],
            registry=registry,
        )  # fmt: skip
        self.launch_duration = Histogram(
            "heliostat_launch_duration_seconds", "Time from the request of a launch to its end", ["outcome", "plan"],
            buckets=WAIT_BUCKETS, registry=registry,
        )  # fmt: skip
        self.phase_duration = Histogram(
            "heliostat_launch_phase_duration_seconds", "Time a launch spent in a phase", ["phase"],
            buckets=WAIT_BUCKETS, registry=registry,
        )  # fmt: skip
        self.spawns = Gauge("heliostat_launch_spawns_running", "Spawns this process follows", registry=registry)
        self.watchers = Gauge("heliostat_launch_watchers", "Open event streams of launches", registry=registry)
        self.sweep_duration = Histogram(
            "heliostat_idle_sweep_duration_seconds", "Time of one idle sweep", buckets=WAIT_BUCKETS, registry=registry
        )
        self.verdicts = Counter("heliostat_idle_verdicts", "Idle verdicts", ["verdict"], registry=registry)
        self.stops = Counter("heliostat_session_stops", "Stops asked of the hub", ["reason"], registry=registry)
        self.findings = Counter(
            "heliostat_reconcile_findings", "Differences between ledger and hub or host", ["finding"], registry=registry
        )
        for phase in _PHASES:
            self.phase_duration.labels(phase)
            for outcome in Outcome:
                for plan in _PLANS:
                    self.launches.labels(phase, outcome, plan)
        for verdict in _VERDICTS:
            self.verdicts.labels(verdict)
        for reason in _REASONS:
            self.stops.labels(reason)
        for finding in _FINDINGS:
            self.findings.labels(finding)
