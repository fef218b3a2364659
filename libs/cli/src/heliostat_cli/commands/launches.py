"""`heliostat launch` and `heliostat launches`."""

import webbrowser
from typing import Annotated
from uuid import UUID

import typer
from heliostat_core.contracts.launches import LaunchRequest

from ..context import Cli
from ..errors import StoppedWatchingError
from ..render.launches import build_launch_lines
from .following import follow_launch
from .naming import complete_server

app = typer.Typer(help="Look at launches, follow them, cancel them.", no_args_is_help=True)

LaunchId = Annotated[UUID, typer.Argument(metavar="LAUNCH", help="The launch's id.")]


def launch(  # one parameter per option
    context: typer.Context,
    repo: Annotated[str, typer.Argument(help="URL of a git repository, owner/name on GitHub, or a DOI.")],
    *,
    ref: Annotated[str, typer.Option(help="Branch, tag or commit.")] = "HEAD",
    provider: Annotated[
        str | None, typer.Option(help="Kind of place, such as zenodo, where it cannot be told.")
    ] = None,
    path: Annotated[str | None, typer.Option(help="File or folder to open in JupyterLab.")] = None,
    urlpath: Annotated[str | None, typer.Option(help="Instead: page of the server to open, such as lab.")] = None,
    server: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the server to use or make.", autocompletion=complete_server),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Make another server even if you have one for this.")] = False,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the server in a browser.")] = False,
) -> None:
    """Turn a commit of a repository into a running JupyterLab and print its URL.

    Ctrl-C stops the command, not the launch.
    """
    cli = Cli.of(context)
    # Not validated here: the service does, and answers in the one shape of errors.
    request = LaunchRequest.model_construct(
        repo=repo, ref=ref, provider=provider, path=path, urlpath=urlpath, server_name=server, new=new
    )
    with cli.connect() as api:
        try:
            begun = api.create_launch(request)
        except KeyboardInterrupt:
            raise StoppedWatchingError(
                "The launch may have begun.", remedy="The same command again joins it while it is under way."
            ) from None
        cli.output.show(begun, [f"Launch {begun.id}"])
        ready = follow_launch(cli, api, begun.id, after=None)
    if open_browser and ready.url and not webbrowser.open(ready.url):
        cli.output.note("No browser could be opened.")


@app.command()
def show(context: typer.Context, launch_id: LaunchId) -> None:
    """Show how far a launch is."""
    cli = Cli.of(context)
    with cli.connect() as api:
        found = api.read_launch(launch_id)
    cli.output.show(found, build_launch_lines(found))


@app.command()
def watch(
    context: typer.Context,
    launch_id: LaunchId,
    *,
    after: Annotated[str | None, typer.Option(metavar="EVENT", help="Id of the last message you have.")] = None,
) -> None:
    """Follow a launch from its start to its end."""
    cli = Cli.of(context)
    with cli.connect() as api:
        api.read_launch(launch_id)  # a wrong id or address is said at once; a stream is waited for
        follow_launch(cli, api, launch_id, after=after)


@app.command()
def cancel(context: typer.Context, launch_id: LaunchId) -> None:
    """Cancel a launch that is under way."""
    cli = Cli.of(context)
    with cli.connect() as api:
        cancelled = api.cancel_launch(launch_id)
    cli.output.show(cancelled, build_launch_lines(cancelled))
