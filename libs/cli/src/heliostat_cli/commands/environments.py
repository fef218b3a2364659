"""`heliostat environments`."""

from typing import Annotated

import typer

from ..context import Cli
from ..render.environments import build_run_lines, build_shelf_table

app = typer.Typer(
    help="List what builders keep, pin it, remove what nothing needs (administrators).", no_args_is_help=True
)

EnvironmentId = Annotated[str, typer.Argument(metavar="ENVIRONMENT", help="The environment's id.")]


@app.command("list")
def list_environments(context: typer.Context) -> None:
    """List environments and the files of commits on them, what was not used for longest first."""
    cli = Cli.of(context)
    with cli.connect() as api:
        items = api.list_shelf()
    cli.output.show(items, build_shelf_table(items))


@app.command()
def pin(context: typer.Context, environment_id: EnvironmentId) -> None:
    """Keep an environment whatever its use."""
    cli = Cli.of(context)
    with cli.connect() as api:
        api.pin_environment(environment_id)
    cli.output.show(None, [f"{environment_id} is pinned."])


@app.command()
def unpin(context: typer.Context, environment_id: EnvironmentId) -> None:
    """Keep an environment no longer than others."""
    cli = Cli.of(context)
    with cli.connect() as api:
        api.unpin_environment(environment_id)
    cli.output.show(None, [f"{environment_id} is not pinned."])


@app.command()
def collect(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
) -> None:
    """Remove, by the builder's settings for age and space, what nothing needs."""
    cli = Cli.of(context)
    with cli.connect() as api:
        run = api.collect_environments(dry_run=dry_run)
    cli.output.show(run, build_run_lines(run))
