"""What the sessions service counts and measures; labels are closed sets, made at the start so that a zero is seen."""

from math import nan

from heliostat_core.contracts.launches import LaunchState
from heliostat_core.contracts.sessions import SessionState
from heliostat_core.metrics import WAIT_BUCKETS
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .domain.census import Census
from .domain.outcomes import Outcome

_PHASES = ("plan", "build", "admit", "spawn")
_PLANS = ("hit", "content-only", "full", "none")
_VERDICTS = ("keep", "warn", "stop", "changed")
_REASONS = ("user", "idle", "delete", "admin")
_PEERS = ("hub", "builder", "policy")
_UNDER_WAY = tuple(state for state in LaunchState if not state.final)
_SERVER_STATES = (SessionState.STOPPED, SessionState.RUNNING, SessionState.STOPPING, SessionState.DELETING)
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
        self.peers = Gauge(
            "heliostat_peer_reachable", "Whether what this service calls answers it", ["peer"], registry=registry
        )
        self.census = CensusMetrics(registry)
        for phase in _PHASES:
            self.phase_duration.labels(phase)
            for outcome in Outcome:
                for plan in _PLANS:
                    self.launches.labels(phase, outcome, plan)
        for outcome in Outcome:
            for plan in _PLANS:
                self.launch_duration.labels(outcome, plan)
        for peer in _PEERS:
            self.peers.labels(peer).set(nan)  # nobody has looked yet
        for verdict in _VERDICTS:
            self.verdicts.labels(verdict)
        for reason in _REASONS:
            self.stops.labels(reason)
        for finding in _FINDINGS:
            self.findings.labels(finding)


class CensusMetrics:
    """How much there is, by the read models: the same in every replica, unknown where the database is away."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, f"{text}, of all processes", labels, registry=registry)

        self._launches = gauge("heliostat_launches_under_way", "Launches that have not ended", "state")
        self._oldest_launch = gauge(
            "heliostat_launch_oldest_age_seconds", "Age of the oldest launch that has not ended"
        )
        self._servers = gauge("heliostat_servers", "Servers that were not deleted", "state")
        self._unheard = gauge("heliostat_servers_unheard", "Running servers that were not heard of lately")
        self._temporary_users = gauge("heliostat_temporary_users", "Users made for one anonymous launch")
        self._volumes = gauge("heliostat_volumes", "Volumes of servers")
        self._used = gauge("heliostat_volumes_used_bytes", "Space that volumes use, as last measured")
        self._limit = gauge("heliostat_volumes_limit_bytes", "Space that volumes may use")
        self._nearly_full = gauge("heliostat_volumes_nearly_full", "Volumes that are nine tenths full or fuller")
        self.forget()

    def show(self, census: Census) -> None:
        """Show what was counted."""
        for launch_state in _UNDER_WAY:
            self._launches.labels(launch_state).set(census.launches.get(launch_state, 0))
        for server_state in _SERVER_STATES:
            self._servers.labels(server_state).set(census.servers.get(server_state, 0))
        self._oldest_launch.set(census.oldest_launch.total_seconds())
        self._unheard.set(census.unheard)
        self._temporary_users.set(census.temporary_users)
        self._volumes.set(census.volumes)
        self._used.set(census.volumes_used)
        self._limit.set(census.volumes_limit)
        self._nearly_full.set(census.volumes_nearly_full)

    def forget(self) -> None:
        """Show that nothing is known: an old number looks like a true one."""
        for launch_state in _UNDER_WAY:
            self._launches.labels(launch_state).set(nan)
        for server_state in _SERVER_STATES:
            self._servers.labels(server_state).set(nan)
        for single in (
            self._oldest_launch,
            self._unheard,
            self._temporary_users,
            self._volumes,
            self._used,
            self._limit,
            self._nearly_full,
        ):
            single.set(nan)
