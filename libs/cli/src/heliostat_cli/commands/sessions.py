"""`heliostat sessions`: servers."""

from typing import Annotated

import typer
from heliostat_core.contracts.sessions import SessionState

from ..context import Cli
from ..errors import BadArgumentError
from ..render.sessions import build_session_lines, build_session_table
from ..render.text import show_server

app = typer.Typer(help="List, start, stop and delete your servers.", no_args_is_help=True)

Name = Annotated[str | None, typer.Argument(help="Name of the server.", show_default=False)]
Default = Annotated[bool, typer.Option("--default", help="The default server, which has no name.")]


@app.command("list")
def list_sessions(
    context: typer.Context,
    *,
    state: Annotated[SessionState | None, typer.Option(help="Only servers in this state.")] = None,
) -> None:
    """List your servers."""
    cli = Cli.of(context)
    with cli.connect() as api:
        sessions = api.list_sessions(state=state.value if state else None)
    cli.output.show(sessions, build_session_table(sessions))


@app.command()
def show(context: typer.Context, name: Name = None, *, default: Default = False) -> None:
    """Show where a server came from, what it may use and when it will be stopped."""
    cli = Cli.of(context)
    wanted = _choose(name, default=default)
    with cli.connect() as api:
        session = api.read_session(wanted)
    cli.output.show(session, build_session_lines(session))


@app.command()
def create(context: typer.Context, name: Name = None, *, default: Default = False) -> None:
    """Create and start a plain server: the default environment, no repository."""
    cli = Cli.of(context)
    wanted = _choose(name, default=default)
    with cli.connect() as api:
        session = api.create_session(wanted)
    cli.output.show(session, build_session_lines(session))


@app.command()
def start(context: typer.Context, name: Name = None, *, default: Default = False) -> None:
    """Start a stopped server; its files are as they were."""
    cli = Cli.of(context)
    wanted = _choose(name, default=default)
    with cli.connect() as api:
        session = api.start_session(wanted)
    cli.output.show(session, build_session_lines(session))


@app.command()
def stop(context: typer.Context, name: Name = None, *, default: Default = False) -> None:
    """Stop a server and keep its files."""
    cli = Cli.of(context)
    wanted = _choose(name, default=default)
    with cli.connect() as api:
        session = api.stop_session(wanted)
    cli.output.show(session, build_session_lines(session))


@app.command()
def delete(
    context: typer.Context,
    name: Name = None,
    *,
    default: Default = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a server with all its files."""
    cli = Cli.of(context)
    wanted = _choose(name, default=default)
    if not yes:
        typer.confirm(f"Delete server {show_server(wanted)} with all its files?", abort=True, err=True)
    with cli.connect() as api:
        session = api.delete_session(wanted)
    lines = build_session_lines(session) if session else [f"Server {show_server(wanted)} is gone."]
    cli.output.show(session, lines)


def _choose(name: str | None, *, default: bool) -> str:
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
