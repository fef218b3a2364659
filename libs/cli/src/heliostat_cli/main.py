"""The command line: global options, the tree of commands, and how errors become exit codes."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from .commands import builds, environments, events, launches, policy, sessions, share
from .context import Cli
from .errors import CommandError
from .output import Output

_JSON = "--json"


class _Root(TyperGroup):
    """Takes ``--json`` wherever it stands, and ends with the exit code of an error."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        if _JSON in args[:end]:
            args = [_JSON, *(arg for arg in args[:end] if arg != _JSON), *args[end:]]
        return super().parse_args(ctx, args)

    @override
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            Output(as_json=ctx.params["as_json"]).fail(error)
            raise typer.Exit(error.exit_code) from None


app = typer.Typer(
    cls=_Root,
    help="Turn a commit of a git repository into a running JupyterLab, and look after what is running.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # their dumps of local variables would show tokens
    rich_markup_mode=None,
)
app.command()(launches.launch)
app.add_typer(launches.app, name="launches")
app.add_typer(sessions.app, name="sessions")
app.command()(builds.plan)
app.add_typer(builds.app, name="builds")
app.command()(builds.logs)
app.add_typer(environments.app, name="environments")
app.add_typer(share.app, name="share")
app.add_typer(policy.app, name="policy")
app.command()(policy.decisions)
app.command()(events.events)


@app.callback()
def read_global_options(
    context: typer.Context,
    *,
    url: Annotated[str | None, typer.Option(envvar="HELIOSTAT_URL", help="Address of the hub.")] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="HELIOSTAT_TOKEN", help="A JupyterHub token; safer in the variable than here."),
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(help="File with url and api_token.  [default: credentials.json of the state directory]"),
    ] = None,
    as_json: Annotated[bool, typer.Option(_JSON, help="JSON instead of text; streams give a line per item.")] = False,
) -> None:
    """Read the options that come before the command."""
    context.obj = Cli.of_options({"url": url, "token": token, "credentials": credentials, "as_json": as_json})


def run() -> None:
    """Run the command, whatever characters the terminal can show."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # they are text streams of the interpreter
    app()
