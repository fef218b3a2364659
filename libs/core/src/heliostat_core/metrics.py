"""Metrics of every service: requests by route template, the event store as a process sees it, whether it can work.

Each service adds its own class on the same registry. `docs/monitoring.md` lists all of them.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

WAIT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
"""Seconds; people wait between milliseconds for a page and half an hour for a build."""

APPEND_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Seconds; a transaction takes a millisecond or two, and no statement of a service takes longer than thirty."""


def create_registry() -> CollectorRegistry:
    """Create a registry with the process's own metrics."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class HttpMetrics:
    """Requests served."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "heliostat_http_requests", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self.duration = Histogram(
            "heliostat_http_request_duration_seconds",
            "Time to the first byte of the answer",
            ["method", "route"],
            buckets=WAIT_BUCKETS,
            registry=registry,
        )
        self.open = Gauge("heliostat_http_requests_open", "Requests not finished, streams included", registry=registry)


class HealthMetrics:
    """Whether a process can do its work, as ``/readyz`` says; looked at once per scrape."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ready = Gauge("heliostat_ready", "Whether this process can do its work", registry=registry)
        self.database = Gauge(
            "heliostat_database_reachable", "Whether Postgres answers this process", registry=registry
        )


class StoreMetrics:
    """The event store as one process sees it: transactions, appends, leases."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.transactions = Histogram(
            "heliostat_database_transaction_duration_seconds",
            "Time of a transaction, with the wait for a connection and the commit",
            buckets=APPEND_BUCKETS,
            registry=registry,
        )
        self.failures = Counter(
            "heliostat_database_failures", "Transactions that failed because Postgres was away", registry=registry
        )
        self.connections = Gauge(
            "heliostat_database_connections", "Connections of this process in use", registry=registry
        )
        self.most_connections = Gauge(
            "heliostat_database_connections_limit", "Connections this process may use at once", registry=registry
        )
        self.appends = Histogram(
            "heliostat_event_append_duration_seconds",
            "Time to insert events and bring the read models in step, without the commit",
            buckets=APPEND_BUCKETS,
            registry=registry,
        )
        self.events = Counter("heliostat_events_appended", "Events inserted, by kind", ["kind"], registry=registry)
        self.leases_lost = Counter(
            "heliostat_leases_lost", "Leases that ran out under their holder", ["kind"], registry=registry
        )
        self.takeovers = Counter(
            "heliostat_work_taken_over",
            "Pieces of work taken from holders whose leases had run out",
            ["kind"],
            registry=registry,
        )
