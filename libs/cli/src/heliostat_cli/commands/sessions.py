"""`heliostat sessions`: servers."""

from typing import Annotated

import typer
from heliostat_core.contracts.sessions import SessionState

from ..context import Cli
from ..render.sessions import build_session_lines, build_session_table
from ..render.text import show_server
from .naming import Default, Name, choose_server

app = typer.Typer(help="List, start, stop and delete your servers.", no_args_is_help=True)

User = Annotated[str | None, typer.Option(metavar="USER", help="Whose server, for administrators.")]


@app.command("list")
def list_sessions(
    context: typer.Context,
    *,
    state: Annotated[SessionState | None, typer.Option(help="Only servers in this state.")] = None,
    user: User = None,
) -> None:
    """List your servers."""
    cli = Cli.of(context)
    with cli.connect() as api:
        sessions = api.list_sessions(state=state.value if state else None, user=user)
    cli.output.show(sessions, build_session_table(sessions))


@app.command()
def show(context: typer.Context, name: Name = None, *, default: Default = False, user: User = None) -> None:
    """Show where a server came from, what it may use and when it will be stopped."""
    cli = Cli.of(context)
    wanted = choose_server(name, default=default)
    with cli.connect() as api:
        session = api.read_session(wanted, user=user)
    cli.output.show(session, build_session_lines(session))


@app.command()
def create(context: typer.Context, name: Name = None, *, default: Default = False) -> None:
    """Create and start a plain server: the default environment, no repository."""
    cli = Cli.of(context)
    wanted = choose_server(name, default=default)
    with cli.connect() as api:
        session = api.create_session(wanted)
    cli.output.show(session, build_session_lines(session))


@app.command()
def start(context: typer.Context, name: Name = None, *, default: Default = False, user: User = None) -> None:
    """Start a stopped server; its files are as they were."""
    cli = Cli.of(context)
    wanted = choose_server(name, default=default)
    with cli.connect() as api:
        session = api.start_session(wanted, user=user)
    cli.output.show(session, build_session_lines(session))


@app.command()
def stop(context: typer.Context, name: Name = None, *, default: Default = False, user: User = None) -> None:
    """Stop a server and keep its files."""
    cli = Cli.of(context)
    wanted = choose_server(name, default=default)
    with cli.connect() as api:
        session = api.stop_session(wanted, user=user)
    cli.output.show(session, build_session_lines(session))


@app.command()
def delete(
    context: typer.Context,
    name: Name = None,
    *,
    default: Default = False,
    user: User = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a server with all its files."""
    cli = Cli.of(context)
    wanted = choose_server(name, default=default)
    if not yes:
        owner = f" of {user}" if user else ""
        typer.confirm(f"Delete server {show_server(wanted)}{owner} with all its files?", abort=True, err=True)
    with cli.connect() as api:
        session = api.delete_session(wanted, user=user)
    lines = build_session_lines(session) if session else [f"Server {show_server(wanted)} is gone."]
    cli.output.show(session, lines)
