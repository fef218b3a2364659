"""Rules, dashboard and documentation name what the services export, and each other."""

import json
import re
from itertools import combinations
from typing import Any

import jupyterhub.metrics  # noqa: F401 registers the hub's metrics
import pytest
import yaml
from heliostat_builder.metrics import BuilderMetrics
from heliostat_core.metrics import HealthMetrics, HttpMetrics, StoreMetrics, create_registry
from heliostat_core.supervisor import Supervisor
from heliostat_policy.metrics import PolicyMetrics
from heliostat_sessions.metrics import SessionsMetrics
from prometheus_client import REGISTRY, generate_latest

from tests.support.monitoring import (
    CHECKOUT,
    DASHBOARD,
    PROMETHEUS,
    Selector,
    list_families,
    list_groupings,
    list_panels,
    list_queries,
    list_rules,
    list_selectors,
)

OF_PROMETHEUS = {"up", "ALERTS"}
GUIDE = (CHECKOUT / "docs" / "monitoring.md").read_text()
ALERTS = [rule for rule in list_rules() if "alert" in rule]


def list_exported(own: type[BuilderMetrics | PolicyMetrics | SessionsMetrics]) -> set[str]:
    registry = create_registry()
    for metrics in (HttpMetrics, HealthMetrics, StoreMetrics, own):
        metrics(registry)
    Supervisor(registry=registry)
    return list_families(generate_latest(registry).decode())


@pytest.fixture(scope="module")
def exported() -> set[str]:
    services = [list_exported(metrics) for metrics in (BuilderMetrics, PolicyMetrics, SessionsMetrics)]
    return set().union(list_families(generate_latest(REGISTRY).decode()), *services)


def test_expressions_are_read() -> None:
    text = 'sum by (le, a) (rate(x_bucket{a=~"b|c",d!="e"}[5m])) > 0.5 * max(y) and on (job) up == 0'
    assert list_selectors(text) == {Selector("x_bucket", '{a=~"b|c",d!="e"}'), Selector("y"), Selector("up")}
    assert list_groupings(text) == {"le", "a", "job"}
    assert Selector("x", '{a="b",c=~"d"}').labels == {"a", "c"}


def test_expressions_ask_for_metrics_that_are_exported(exported: set[str]) -> None:
    known = exported | OF_PROMETHEUS | {rule["record"] for rule in list_rules() if "record" in rule}
    for query in list_queries():
        asked = {selector.name for selector in list_selectors(query.text)}
        assert asked, query
        assert asked <= known, query


def test_the_guide_lists_the_metrics_that_are_exported_and_no_others(exported: set[str]) -> None:
    suffixes = re.compile("_(bucket|count|sum)$")
    own = {
        suffixes.sub("", name) for name in exported if name.startswith("heliostat_") and not name.endswith("_created")
    }
    assert set(re.findall(r"^\| `(heliostat_\w+)", GUIDE, flags=re.MULTILINE)) == own


def test_the_guide_lists_the_recorded_numbers() -> None:
    recorded = {rule["record"] for rule in list_rules() if "record" in rule}
    patterns = [re.escape(name).replace(r"\*", r"\w+") for name in re.findall(r"`(heliostat:[\w:*]+)`", GUIDE)]
    assert all(any(re.fullmatch(pattern, name) for pattern in patterns) for name in recorded)
    assert all(any(re.fullmatch(pattern, name) for name in recorded) for pattern in patterns)


def test_every_alert_says_what_to_do_and_has_a_place_in_the_guide() -> None:
    headings = set(re.findall(r"^### (Heliostat\w+)$", GUIDE, flags=re.MULTILINE))
    assert headings == {rule["alert"] for rule in ALERTS}
    for rule in ALERTS:
        assert rule["annotations"].keys() == {"summary", "description", "action", "runbook"}
        assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_both_configurations_differ_only_in_where_things_are() -> None:
    def read(name: str) -> Any:
        document = yaml.safe_load((PROMETHEUS / name).read_text())
        for scrape in document["scrape_configs"]:
            assert scrape.pop("dns_sd_configs", None) or scrape.pop("file_sd_configs", None)
            if "authorization" in scrape:
                assert scrape["authorization"].pop("credentials_file")
        return document

    assert read("prometheus.yml") == read("standalone.yml")


def test_the_dashboard_names_no_data_source_of_its_own() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    names = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)\}?", DASHBOARD.read_text()))
    assert used == names
    for panel in list_panels():
        if panel["type"] != "row":
            sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
            assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


def test_panels_have_places_of_their_own() -> None:
    panels = list_panels()
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
