"""Naming a server on the command line."""

from typing import Annotated

import typer

from ..context import Cli
from ..errors import BadArgumentError, CommandError


def complete_server(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the caller's servers to the shell; nothing when they cannot be asked for at once."""
    try:
        with Cli.of_options(context.find_root().params).connect(quick=True) as api:
            names = [session.name for session in api.list_sessions()]
    except CommandError:
        return []
    return [name for name in names if name.startswith(incomplete or "") and name]


Name = Annotated[
    str | None, typer.Argument(help="Name of the server.", show_default=False, autocompletion=complete_server)
]
Default = Annotated[bool, typer.Option("--default", help="The default server, which has no name.")]


def choose_server(name: str | None, *, default: bool) -> str:
    """Read which server is meant; nothing is meant by default, so that nobody deletes the wrong one."""
    if default and not name:
        return ""
    if name is not None and not default:
        return name
    raise BadArgumentError(
        "It is not clear which server is meant",
        field="NAME",
        remedy="Give either a name or --default; 'heliostat sessions list' shows them.",
    )
