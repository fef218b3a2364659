"""What deploy/ gives to Prometheus and Grafana, as data; and promtool, which judges it."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
PROMETHEUS = CHECKOUT / "deploy" / "prometheus"
DASHBOARD = CHECKOUT / "deploy" / "grafana" / "heliostat.json"


def find_program(name: str) -> str:
    """Find Prometheus or promtool; the test is skipped where it is missing."""
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed (Debian's package prometheus)")
    return program


def run_promtool(*arguments: str | Path, given: str | None = None) -> None:
    """Let promtool check something and fail with what it says."""
    command = [find_program("promtool"), *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class Query:
    """One expression of a rule or a panel, and whose it is."""

    owner: str
    text: str


def list_rules() -> list[dict[str, Any]]:
    """List recording and alert rules."""
    documents = [yaml.safe_load(path.read_text()) for path in sorted((PROMETHEUS / "rules").glob("*.yml"))]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


def list_panels() -> list[dict[str, Any]]:
    """List the panels of the dashboard, rows included."""
    return list(json.loads(DASHBOARD.read_text())["panels"])


def list_queries() -> Iterator[Query]:
    """List every expression of rules and dashboard; variables of the dashboard are replaced by what they stand for."""
    for rule in list_rules():
        yield Query(owner=rule.get("alert") or rule["record"], text=rule["expr"])
    for panel in list_panels():
        for target in panel.get("targets", ()):
            text = target["expr"].replace("$__rate_interval", "1m").replace("$__range", "1h")
            yield Query(owner=f"panel {panel['title']}", text=re.sub(r"\$\{?\w+\}?", ".*", text))
    for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]:
        if variable["type"] == "query":
            text = re.fullmatch(r"label_values\((.+), \w+\)", variable["query"]["query"])
            assert text is not None
            yield Query(owner=f"variable {variable['name']}", text=text[1])
