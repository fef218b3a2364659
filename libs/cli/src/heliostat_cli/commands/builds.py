"""`heliostat builds` and `heliostat plan`."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import typer
from heliostat_core.contracts.builds import BuildRequest, BuildState

from ..api import Api
from ..context import Cli
from ..errors import RefusedError
from ..render.builds import build_build_lines, build_build_table
from ..render.launches import build_plan_lines
from .following import follow_build_log

app = typer.Typer(help="List builds, read their logs, cancel them.", no_args_is_help=True)

BuildId = Annotated[UUID, typer.Argument(metavar="BUILD", help="The build's id.")]


def plan(
    context: typer.Context,
    repo: Annotated[str, typer.Argument(help="URL of a git repository, owner/name on GitHub, or a DOI.")],
    *,
    ref: Annotated[str, typer.Option(help="Branch, tag or commit.")] = "HEAD",
    provider: Annotated[
        str | None, typer.Option(help="Kind of place, such as zenodo, where it cannot be told.")
    ] = None,
) -> None:
    """Show what building a commit would do, without building it."""
    cli = Cli.of(context)
    # Not validated here: the service does, and answers in the one shape of errors.
    request = BuildRequest.model_construct(repo=repo, ref=ref, provider=provider)
    with cli.connect() as api:
        found = api.read_plan(request)
    cli.output.show(found, build_plan_lines(found))


def logs(
    context: typer.Context,
    target: Annotated[UUID, typer.Argument(metavar="LAUNCH|BUILD", help="Id of a launch or of a build.")],
    *,
    after: Annotated[int | None, typer.Option(min=0, metavar="LINE", help="Number of the last line you have.")] = None,
) -> None:
    """Follow the log of a build, or of the build a launch waited for, to its end."""
    cli = Cli.of(context)
    with cli.connect() as api:
        build_id = _find_build(api, target)
        if build_id is None:
            cli.output.note("Nothing had to be built for this launch, so that there is no log.")
            return
        follow_build_log(cli, api, build_id, after=after)


def _find_build(api: Api, target: UUID) -> UUID | None:
    try:
        return api.read_launch(target).build_id
    except RefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
    return api.read_build(target).id


@app.command("list")
def list_builds(
    context: typer.Context,
    *,
    repo: Annotated[str | None, typer.Option(help="Only builds of this repository.")] = None,
    state: Annotated[BuildState | None, typer.Option(help="Only builds in this state.")] = None,
) -> None:
    """List builds, newest first."""
    cli = Cli.of(context)
    with cli.connect() as api:
        builds = api.list_builds(repo=repo, state=state.value if state else None)
    cli.output.show(builds, build_build_table(builds))


@app.command()
def show(context: typer.Context, build_id: BuildId) -> None:
    """Show one build."""
    cli = Cli.of(context)
    with cli.connect() as api:
        build = api.read_build(build_id)
    cli.output.show(build, build_build_lines(build))


@app.command()
def log(
    context: typer.Context,
    build_id: BuildId,
    *,
    after: Annotated[int | None, typer.Option(min=0, metavar="LINE", help="Number of the last line you have.")] = None,
) -> None:
    """Follow a build's log from its first line to its end."""
    cli = Cli.of(context)
    with cli.connect() as api:
        api.read_build(build_id)  # a wrong id or address is said at once; a stream is waited for
        follow_build_log(cli, api, build_id, after=after)


@app.command()
def cancel(context: typer.Context, build_id: BuildId) -> None:
    """Cancel a build that waits or runs."""
    cli = Cli.of(context)
    with cli.connect() as api:
        build = api.cancel_build(build_id)
    cli.output.show(build, build_build_lines(build))
