"""What every command works with, made once from the global options."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import typer

from .api import Api
from .connection import read_connection
from .errors import CommandError
from .http import HttpClient
from .output import Output

_QUICK = timedelta(seconds=2)
"""How long somebody waits who pressed the tab key."""


@dataclass(frozen=True, slots=True)
class Cli:
    """The global options, and the way to Heliostat that they lead to."""

    output: Output
    url: str | None
    token: str | None
    credentials: Path
    credentials_chosen: bool

    @classmethod
    def of(cls, context: typer.Context) -> Self:
        """Get it from a command's context."""
        return context.find_object(cls) or context.fail("no global options")

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> Self:
        """Make it from the options before the command, as typer names them."""
        state, credentials = os.environ.get("HELIOSTAT_STATE_DIR"), options.get("credentials")
        return cls(
            output=Output(as_json=bool(options.get("as_json"))),
            url=options.get("url"),
            token=options.get("token"),
            credentials=credentials or Path(state or ".heliostat") / "credentials.json",
            credentials_chosen=credentials is not None or bool(state),
        )

    @contextmanager
    def connect(self, *, quick: bool = False) -> Iterator[Api]:
        """Open connections to the services for one command; ``quick`` gives up before a person gets impatient."""
        connection = read_connection(
            url=self.url, token=self.token, credentials=self.credentials, chosen=self.credentials_chosen
        )
        patience = {"silence": _QUICK, "connecting": _QUICK} if quick else {}
        with HttpClient(connection, **patience) as http:
            yield Api(http)

    def tell_lost(self, error: CommandError | None) -> None:
        """Say that a stream's connection was lost and is made again."""
        self.output.note(f"The connection was lost{f' ({error})' if error else ''}; connecting again.")
