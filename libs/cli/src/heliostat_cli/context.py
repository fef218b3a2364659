"""What every command works with, made once from the global options."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import typer

from .api import Api
from .connection import read_connection
from .errors import CommandError
from .http import HttpClient
from .output import Output


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

    @contextmanager
    def connect(self) -> Iterator[Api]:
        """Open connections to the services for one command."""
        connection = read_connection(
            url=self.url, token=self.token, credentials=self.credentials, chosen=self.credentials_chosen
        )
        with HttpClient(connection) as http:
            yield Api(http)

    def tell_lost(self, error: CommandError | None) -> None:
        """Say that a stream's connection was lost and is made again."""
        self.output.note(f"The connection was lost{f' ({error})' if error else ''}; connecting again.")
