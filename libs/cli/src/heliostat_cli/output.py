"""Printing: lines for people or JSON for scripts, results on standard output, the rest on standard error."""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from pydantic import BaseModel

from .errors import CommandError, ExitCode
from .render.errors import build_error_lines
from .terminal import neutralise

_COLOUR = False if os.environ.get("NO_COLOR") else None
"""None lets the terminal decide; a set NO_COLOR (no-color.org) never colours."""

Result = BaseModel | Sequence[BaseModel] | None
"""What a command found; None is nothing, on purpose."""


class Output:
    """Prints what a command has to say; with ``as_json`` each result is one line of JSON and notes are left out."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def show(self, result: Result, lines: Iterable[str]) -> None:
        """Print a result: as one JSON document, or as these lines."""
        if self.as_json:
            typer.echo(_to_json(result))
            return
        _print(lines, err=False)

    def note(self, text: str) -> None:
        """Tell people something beside the results."""
        if not self.as_json:
            _print([text], err=True)

    def fail(self, error: CommandError) -> None:
        """Print why the command ends."""
        if self.as_json:
            typer.echo(json.dumps({"error": error.view.model_dump(mode="json", exclude_none=True)}), err=True)
            return
        head = "" if error.exit_code is ExitCode.INTERRUPTED else typer.style("Error: ", fg="red", bold=True)
        _print(build_error_lines(error.view, head=head), err=True)


def _print(lines: Iterable[str], *, err: bool) -> None:
    for text in lines:
        for line in text.split("\n"):
            typer.echo(neutralise(line), err=err, color=_COLOUR)


def _to_json(result: Result) -> str:
    if isinstance(result, BaseModel):
        return result.model_dump_json()
    documents: list[Any] | None = None if result is None else [item.model_dump(mode="json") for item in result]
    return json.dumps(documents)
