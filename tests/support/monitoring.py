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
    """One expression of a rule or a panel, and whose it is; ``legend`` is how a panel names the lines."""

    owner: str
    text: str
    legend: str = ""


def list_rules() -> list[dict[str, Any]]:
    """List recording and alert rules."""
    documents = [yaml.safe_load(path.read_text()) for path in sorted((PROMETHEUS / "rules").glob("*.yml"))]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


def list_panels() -> list[dict[str, Any]]:
    """List the panels of the dashboard, rows included."""
    return list(json.loads(DASHBOARD.read_text())["panels"])


def list_queries() -> list[Query]:
    """List every expression of rules and dashboard; variables of the dashboard are replaced by what they stand for."""
    rules = [Query(owner=rule.get("alert") or rule["record"], text=rule["expr"]) for rule in list_rules()]
    return [*rules, *_list_panel_queries(), *_list_variable_queries()]


def _list_panel_queries() -> Iterator[Query]:
    for panel in list_panels():
        for target in panel.get("targets", ()):
            text = re.sub(r"\$\{?\w+\}?", ".*", target["expr"].replace("$__rate_interval", "1m"))
            yield Query(owner=f"panel {panel['title']}", text=text, legend=target["legendFormat"])


def _list_variable_queries() -> Iterator[Query]:
    for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]:
        if variable["type"] == "query":
            text = re.fullmatch(r"label_values\((.+), \w+\)", variable["query"]["query"])
            assert text is not None
            yield Query(owner=f"variable {variable['name']}", text=text[1])


_WORD = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABELS = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_SELECTOR = re.compile(rf"(?<![\w:])({_WORD})(?![\w:])\s*(\{{[^}}]*\}})?(?!\s*\()")
_MATCHER = re.compile(rf'({_WORD})\s*(?:=~|!~|!=|=)\s*"[^"]*"')
_OPERATORS = {"and", "or", "unless", "by", "without", "on", "ignoring", "bool", "offset", "group_left", "group_right"}


@dataclass(frozen=True)
class Selector:
    """A metric as an expression asks for it."""

    name: str
    matchers: str = ""

    @property
    def labels(self) -> set[str]:
        return set(_MATCHER.findall(self.matchers))


def list_selectors(text: str) -> set[Selector]:
    """List the metrics an expression asks for; it reads the PromQL that rules and dashboard are written in."""
    plain = re.sub(r"\[[0-9a-z]+\]", "", _LABELS.sub("", text))
    found = {Selector(name=match[1], matchers=match[2] or "") for match in _SELECTOR.finditer(plain)}
    return {selector for selector in found if selector.name not in _OPERATORS}


def list_groupings(text: str) -> set[str]:
    """List the labels an expression groups or matches by."""
    return {label.strip() for group in _LABELS.findall(text) for label in group.split(",")}


def list_families(exposition: str) -> set[str]:
    """List the names that samples of an exposition can have, from its types: also of metrics without a sample yet."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", exposition, flags=re.MULTILINE):
        names |= {f"{name}{suffix}" for suffix in ("_bucket", "_count", "_sum")} if kind == "histogram" else {name}
    return names
