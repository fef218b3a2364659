"""Every alert fires for what it is for, says so in words, and is quiet otherwise: judged by promtool."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.monitoring import CHECKOUT, PROMETHEUS, list_rules, list_selectors, run_promtool

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


@pytest.mark.parametrize("alert", SCENARIOS)
def test_an_alert_fires_and_is_quiet_as_it_should(alert: str, tmp_path: Path) -> None:
    """With the rules it is made of and no others, which makes many of these tests affordable."""
    step = SCENARIOS[alert].get("step", "1m")
    write(tmp_path / "rules.yml", {"groups": [{"name": "needed", "rules": [*list_needed(alert), ALERTS[alert]]}]})
    tests = [build_test(alert, step=step, **case) for case in list_cases(SCENARIOS[alert])]
    write(tmp_path / "tests.yml", {"rule_files": ["rules.yml"], "evaluation_interval": step, "tests": tests})
    run_promtool("test", "rules", tmp_path / "tests.yml")


def list_needed(alert: str) -> list[dict[str, Any]]:
    asked = {selector.name for selector in list_selectors(ALERTS[alert]["expr"])}
    return [rule for rule in list_rules() if rule.get("record") in asked]


def write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document))


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
