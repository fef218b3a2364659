"""What an instance gives to Prometheus."""

import json
from pathlib import Path

import yaml
from heliostat_local.config import LocalConfig
from heliostat_local.layout import StateLayout
from heliostat_local.monitoring import JOBS, write_monitoring
from heliostat_local.ports import INNER_SERVICES


def test_prometheus_finds_every_job_at_its_port_also_when_the_ports_change(tmp_path: Path) -> None:
    layout = StateLayout(LocalConfig(state_dir=tmp_path))
    (tmp_path / "token").write_text("x")
    for first in (20000, 30000):
        ports = {name: first + number for number, name in enumerate(INNER_SERVICES)}
        write_monitoring(layout, ports=ports, hub_token=tmp_path / "token")
        scrapes = yaml.safe_load(layout.prometheus_config.read_text())["scrape_configs"]
        assert [scrape["job_name"] for scrape in scrapes] == list(JOBS)
        for scrape in scrapes:
            (name,) = scrape["file_sd_configs"][0]["files"]
            (target,) = json.loads((layout.prometheus / name).read_text())
            assert target == {"targets": [f"127.0.0.1:{ports[scrape['job_name']]}"]}
    (hub,) = (scrape for scrape in scrapes if "authorization" in scrape)
    assert (layout.prometheus / hub["authorization"]["credentials_file"]).read_text() == "x"
    assert list(layout.prometheus.glob("rules/*.yml"))
