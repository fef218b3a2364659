"""Metrics of every service: requests by route template. Each service adds its own class on the same registry."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

WAIT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
"""Seconds; people wait between milliseconds for a page and half an hour for a build."""


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
