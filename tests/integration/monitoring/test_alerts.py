"""Every alert fires for what it is for, says so in words, and is quiet otherwise: judged by promtool."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.monitoring import CHECKOUT, PROMETHEUS, list_rules, run_promtool

SCENARIOS: dict[str, dict[str, Any]] = yaml.safe_load((CHECKOUT / "tests/data/monitoring/alerts.yaml").read_text())
ALERTS = {rule["alert"]: rule for rule in list_rules() if "alert" in rule}


def list_cases(scenario: dict[str, Any]) -> list[dict[str, Any]]:
    firing = [{"name": "fires", **scenario["fires"]}, *scenario.get("also", ())]
    return [*firing, *scenario["quiet"]]


def test_every_alert_has_a_scenario_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    assert SCENARIOS.keys() == ALERTS.keys()
    assert all(scenario["fires"] and scenario["quiet"] for scenario in SCENARIOS.values())


def test_the_rules_are_valid() -> None:
    run_promtool("check", "rules", *sorted((PROMETHEUS / "rules").glob("*.yml")))


@pytest.mark.parametrize("name", ["prometheus.yml", "standalone.yml"])
def test_the_configurations_are_valid(name: str, tmp_path: Path) -> None:
    """With a file in the place of the token, which promtool wants to see."""
    (tmp_path / "token").write_text("x")
    (tmp_path / "rules").symlink_to(PROMETHEUS / "rules")
    document = yaml.safe_load((PROMETHEUS / name).read_text())
    for scrape in document["scrape_configs"]:
        if "authorization" in scrape:
            scrape["authorization"]["credentials_file"] = "token"
    (tmp_path / name).write_text(yaml.safe_dump(document))
    run_promtool("check", "config", tmp_path / name)


@pytest.mark.parametrize(
    "step", sorted({case.get("step", "1m") for cases in SCENARIOS.values() for case in list_cases(cases)})
)
def test_alerts_fire_and_are_quiet_as_they_should(step: str, tmp_path: Path) -> None:
    tests = [
        build_test(alert, **{"step": "1m", **case})
        for alert, cases in SCENARIOS.items()
        for case in list_cases(cases)
        if case.get("step", "1m") == step
    ]
    document = {
        "rule_files": [str(path) for path in sorted((PROMETHEUS / "rules").glob("*.yml"))],
        "evaluation_interval": step,
        "tests": tests,
    }
    (tmp_path / "tests.yml").write_text(json.dumps(document))
    run_promtool("test", "rules", tmp_path / "tests.yml")


def build_test(
    alert: str,
    *,
    name: str,
    at: str,
    step: str,
    series: dict[str, str],
    summary: str | None = None,
    labels: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Build a test in promtool's form; one without a summary says that the alert is quiet."""
    rule = ALERTS[alert]
    fires = {
        "exp_labels": {**rule["labels"], **(labels or {})},
        "exp_annotations": {**rule["annotations"], "summary": summary},
    }
    return {
        "name": f"{alert}: {name}",
        "interval": step,
        "input_series": [{"series": key, "values": str(value)} for key, value in series.items()],
        "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": [fires] if summary else []}],
    }
