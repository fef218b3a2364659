"""What the builder measures. No label holds a name of a user or repository."""

from collections.abc import Collection
from datetime import UTC, datetime
from math import nan

from heliostat_core.contracts.builds import BuildState, PlanDecision
from heliostat_core.contracts.retention import RemovalReason, ShelfKind
from heliostat_core.metrics import WAIT_BUCKETS
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .domain.builds import Build
from .domain.census import Census, Space
from .domain.retention import Candidate

PHASES = ("fetch", "solve", "install", "postbuild", "compile", "build", "publish", "content")
PROVIDERS = ("gh", "gist", "gl", "zenodo", "figshare", "hydroshare", "dataverse", "ckan", "git")
FAILURES = (
    "base_image_missing",
    "build_failed",
    "build_killed",
    "build_silent",
    "builder_lost",
    "checkout_failed",
    "container_missing",
    "deadline_exceeded",
    "engine_error",
    "engine_refused",
    "engine_timeout",
    "engine_unavailable",
    "environment_damaged",
    "image_busy",
    "image_mismatch",
    "image_missing",
    "install_failed",
    "no_interpreter",
    "out_of_disk",
    "out_of_memory",
    "postbuild_failed",
    "push_failed",
    "push_failed",
    "push_not_verified",
    "registry_denied",
    "registry_error",
    "registry_refused",
    "registry_unavailable",
    "repository_not_found",
    "solve_failed",
    "upstream_timeout",
    "upstream_unreachable",
)
_OTHER = "other"
HOLDS = ("needed", "pinned", "free")
OUTCOMES = ("cached", "api", "git", "not_found", "rate_limited", "failed")


class BuilderMetrics:
    """Builds, resolutions, watchers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._builds = Counter(
            "heliostat_builds_ended", "Builds that ended", ["outcome", "decision"], registry=registry
        )
        self._durations = Histogram(
            "heliostat_build_duration_seconds", "Time from the request of a build to its end", ["outcome", "decision"],
            buckets=WAIT_BUCKETS, registry=registry,
        )  # fmt: skip
        self._waits = Histogram(
            "heliostat_build_wait_seconds", "Time from the request of a build to the start of its first attempt",
            buckets=WAIT_BUCKETS, registry=registry,
        )  # fmt: skip
        self._failures = Counter(
            "heliostat_build_failures", "Builds that failed, by the code of their error", ["code"], registry=registry
        )
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
        self.census = CensusMetrics(registry)
        self.retention = RetentionMetrics(registry)
        for state in (state for state in BuildState if state.final):
            for decision in PlanDecision:
                self._builds.labels(state.value, decision.value)
                self._durations.labels(state.value, decision.value)
        for code in (*FAILURES, _OTHER):
            self._failures.labels(code)
        for phase in PHASES:
            self.phases.labels(phase)
        for provider in PROVIDERS:
            for outcome in OUTCOMES:
                self.resolutions.labels(provider, outcome)

    def count_wait(self, build: Build) -> None:
        """Measure how long a build waited that has just begun."""
        self._waits.observe((datetime.now(UTC) - build.created_at).total_seconds())

    def count(self, build: Build, state: BuildState, *, code: str | None = None) -> None:
        """Count a build that has just ended, with the code of its failure."""
        labels = (state.value, build.plan.decision.value)
        self._builds.labels(*labels).inc()
        self._durations.labels(*labels).observe((datetime.now(UTC) - build.created_at).total_seconds())
        if code is not None:
            self._failures.labels(code if code in FAILURES else _OTHER).inc()


class RetentionMetrics:
    """What runtimes keep of what they made, as this replica last looked, and what it removed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._items = Gauge(
            "heliostat_shelf_items", "Environments and contents that are kept, by what holds them", ["kind", "hold"],
            registry=registry,
        )  # fmt: skip
        self._size = Gauge("heliostat_shelf_size_bytes", "Space these take", ["kind", "hold"], registry=registry)
        self._removed = Counter(
            "heliostat_shelf_items_removed", "Environments and contents this process removed", ["kind", "reason"],
            registry=registry,
        )  # fmt: skip
        self.forget()
        for kind in ShelfKind:
            for reason in RemovalReason:
                self._removed.labels(kind.value, reason.value)

    def show(self, candidates: Collection[Candidate]) -> None:
        """Show what is kept: because something needs it, because it is pinned, or only in case it is wanted again."""
        for kind in ShelfKind:
            for hold in HOLDS:
                sizes = [each.item.size for each in candidates if each.item.kind is kind and _find_hold(each) == hold]
                self._items.labels(kind.value, hold).set(len(sizes))
                self._size.labels(kind.value, hold).set(sum(sizes))

    def forget(self) -> None:
        """Show that nothing is known: an old number looks like a true one."""
        for kind in ShelfKind:
            for hold in HOLDS:
                self._items.labels(kind.value, hold).set(nan)
                self._size.labels(kind.value, hold).set(nan)

    def count(self, kind: ShelfKind, reason: RemovalReason) -> None:
        """Count something that was removed."""
        self._removed.labels(kind.value, reason.value).inc()


def _find_hold(candidate: Candidate) -> str:
    return "needed" if candidate.needed_by else "pinned" if candidate.pinned else "free"


class CensusMetrics:
    """How much there is: the same in every replica, unknown where the database is away. Disks are each host's own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        self._builds = gauge("heliostat_builds_under_way", "Builds that have not ended, of all processes", "state")
        self._oldest_wait = gauge(
            "heliostat_build_oldest_wait_seconds", "Age of the oldest build that nobody began, of all processes"
        )
        self._environments = gauge("heliostat_environments", "Environments that were not retired, of all processes")
        self._environments_size = gauge(
            "heliostat_environments_size_bytes", "Space of these environments, of all processes"
        )
        self._size = gauge("heliostat_disk_size_bytes", "Size of the disk of the state directory")
        self._free = gauge("heliostat_disk_free_bytes", "What is left of it")
        self.forget()

    def show(self, census: Census) -> None:
        """Show what was counted."""
        self._builds.labels(BuildState.QUEUED.value).set(census.queued)
        self._builds.labels(BuildState.RUNNING.value).set(census.running)
        self._oldest_wait.set(census.oldest_wait.total_seconds())
        self._environments.set(census.environments)
        self._environments_size.set(census.environments_size)

    def show_space(self, space: Space) -> None:
        """Show how much of the disk is left."""
        self._size.set(space.size)
        self._free.set(space.free)

    def forget(self) -> None:
        """Show that nothing is known: an old number looks like a true one."""
        for state in (BuildState.QUEUED, BuildState.RUNNING):
            self._builds.labels(state.value).set(nan)
        for single in (self._oldest_wait, self._environments, self._environments_size):
            single.set(nan)
