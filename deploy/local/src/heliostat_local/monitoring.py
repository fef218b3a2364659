"""What Prometheus needs to scrape an instance: its configuration for fixed addresses, with the addresses."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from .config import CHECKOUT
from .layout import StateLayout, write_private

__all__ = ["JOBS", "write_monitoring"]

SOURCE = CHECKOUT / "deploy" / "prometheus"
JOBS = ("sessions", "builder", "policy", "hub")
"""Names of the jobs, which the rules expect, and of the ports."""


def write_monitoring(layout: StateLayout, *, ports: Mapping[str, int], hub_token: Path) -> None:
    """Write ``prometheus.yml`` and what it names; ``hub_token`` is the file of the token for the hub's metrics."""
    targets = layout.prometheus / "targets"
    targets.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copyfile(SOURCE / "standalone.yml", layout.prometheus_config)
    for name, target in (("rules", SOURCE / "rules"), ("hub_metrics_token", hub_token)):
        link = layout.prometheus / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    for job in JOBS:
        write_private(targets / f"{job}.json", json.dumps([{"targets": [f"127.0.0.1:{ports[job]}"]}]))
