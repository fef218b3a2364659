"""Writing results: JSON for machines, a table for people."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .figures import Figure

_MARKS = {True: "met", False: "MISSED", None: ""}


def write_results(
    folder: Path, machine: Mapping[str, Any], results: Mapping[str, Sequence[Figure]], failures: Mapping[str, str]
) -> Path:
    """Write one file per run, named by its time, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{str(machine['time']).replace(':', '').replace('+0000', 'Z')}.json"
    content = {
        "machine": machine,
        "benchmarks": {name: [_to_json(figure) for figure in figures] for name, figures in results.items()},
        "failures": failures,
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path


def render_table(figures: Sequence[Figure]) -> str:
    """Lay figures out in columns."""
    rows = [(figure.name, f"{figure.value:,.2f}", figure.unit, figure.goal, _MARKS[figure.met]) for figure in figures]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    return "\n".join(
        f"  {name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {goal:<{widths[3]}}  {mark}".rstrip()
        for name, value, unit, goal, mark in rows
    )


def _to_json(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "value": round(figure.value, 4),
        "unit": figure.unit,
        "goal": figure.goal or None,
        "met": figure.met,
    }
