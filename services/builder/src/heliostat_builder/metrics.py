"""What the builder measures. No label holds a name of a user or repository."""

from heliostat_core.contracts.builds import BuildState, PlanDecision
from heliostat_core.metrics import WAIT_BUCKETS
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

PHASES = ("fetch", "solve", "install", "postbuild", "publish", "content")
PROVIDERS = ("gh", "gist", "gl", "zenodo", "figshare", "hydroshare", "dataverse", "ckan", "git")
OUTCOMES = ("cached", "api", "git", "not_found", "rate_limited", "failed")


class BuilderMetrics:
    """Builds, resolutions, watchers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.builds = Counter("heliostat_builds_ended", "Builds that ended", ["outcome", "decision"], registry=registry)
        self.queued = Gauge("heliostat_builds_queued", "Builds that wait or run, of all processes", registry=registry)
        self.running = Gauge("heliostat_builds_running", "Builds this process works on", registry=registry)
        self.phases = Histogram(
            "heliostat_build_phase_duration_seconds", "Time of one phase of a build", ["phase"],
            buckets=WAIT_BUCKETS, registry=registry,
        )  # fmt: skip
        self.resolutions = Counter(
            "heliostat_resolutions_asked", "Refs resolved", ["provider", "outcome"], registry=registry
        )
        self.watchers = Gauge("heliostat_build_log_watchers", "Open streams of build logs", registry=registry)
        self.rate_remaining = Gauge(
            "heliostat_provider_rate_remaining",
            "Requests a provider's API will still answer in this period; absent where it has not said so",
            ["provider"],
            registry=registry,
        )
        for state in (state for state in BuildState if state.final):
            for decision in PlanDecision:
                self.builds.labels(state.value, decision.value)
        for phase in PHASES:
            self.phases.labels(phase)
        for provider in PROVIDERS:
            for outcome in OUTCOMES:
                self.resolutions.labels(provider, outcome)
