"""An error as people read it: what is wrong, where, and what would make it pass."""

from collections.abc import Iterable
from typing import Any

from heliostat_core.contracts.model import ErrorView

from .text import build_fields, build_table, show_server


def build_error_lines(view: ErrorView, *, head: str = "") -> list[str]:
    """Describe an error, with the servers that stand in the way or the faults of a policy's text."""
    fields = build_fields(
        [
            ("Field:", view.field),
            ("Remedy:", view.remedy),
            ("Rule:", _describe_rule(view.details)),
            ("Decision:", _text(view.details.get("decision_id"))),
            ("Request:", view.request_id),
        ]
    )
    lines = [f"{head}{view.message}", *(f"  {line}" for line in fields)]
    return [
        *lines,
        *_list_problems(_records(view.details, "problems")),
        *_list_servers(_records(view.details, "servers")),
    ]


def _describe_rule(details: dict[str, Any]) -> str | None:
    rule = _text(details.get("rule"))
    if rule is None or details.get("limit") is None:
        return rule
    current = "" if details.get("current") is None else f", now {details['current']}"
    return f"{rule} (limit {details['limit']}{current})"


def _list_problems(problems: list[dict[str, Any]]) -> Iterable[str]:
    if len(problems) > 1:
        yield "All faults:"
        for problem in problems:
            place = f"{problem.get('line')}:{problem.get('column')}"
            yield f"  {place}  {problem.get('message')}. {problem.get('remedy') or ''}".rstrip()


def _list_servers(servers: list[dict[str, Any]]) -> Iterable[str]:
    if servers:
        rows = [
            [show_server(str(server.get("name"))), str(server.get("state")), _text(server.get("repo")) or ""]
            for server in servers
        ]
        yield "Your servers:"
        yield from (f"  {line}" for line in build_table(["NAME", "STATE", "REPOSITORY"], rows))
        yield "Delete one, with its files:  heliostat sessions delete NAME"


def _records(details: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Read a list of objects out of details, which promise no shape."""
    found = details.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _text(value: object) -> str | None:
    return None if value is None else str(value)
