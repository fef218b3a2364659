"""Following launches and build logs to their end."""

from uuid import UUID

import typer
from heliostat_core.contracts.builds import BuildState, LogLine
from heliostat_core.contracts.launches import LaunchState, LaunchView
from heliostat_core.contracts.model import ErrorView

from ..api import Api
from ..context import Cli
from ..errors import EndedBadlyError, StoppedWatchingError
from ..render.launches import build_event_lines


def follow_launch(cli: Cli, api: Api, launch_id: UUID, *, after: str | None) -> LaunchView:
    """Print a launch's messages until it is over, and return it when it ended well; its URL is the last line.

    Raises
    ------
    EndedBadlyError
        It was refused, failed, or was cancelled.
    StoppedWatchingError
        Ctrl-C; the launch goes on.
    """
    last = after
    try:
        for event in api.watch_launch(launch_id, after=after, on_lost=cli.tell_lost):
            cli.output.show(event, build_event_lines(event))
            last = event.id
        launch = api.read_launch(launch_id)
    except KeyboardInterrupt:
        resume = f"heliostat launches watch {launch_id}{f' --after {last}' if last else ''}"
        raise StoppedWatchingError(
            "The launch goes on without this command.",
            remedy=f"Follow it with '{resume}', or end it with 'heliostat launches cancel {launch_id}'.",
        ) from None
    if launch.state is not LaunchState.READY:
        raise EndedBadlyError(launch.error or _describe_end("launch", launch.state))
    if launch.url and not cli.output.as_json:
        typer.echo(launch.url)
    return launch


def follow_build_log(cli: Cli, api: Api, build_id: UUID, *, after: int | None) -> None:
    """Print a build's log until it is over.

    Raises
    ------
    EndedBadlyError
        It failed or was cancelled.
    StoppedWatchingError
        Ctrl-C; the build goes on.
    """
    last = after
    try:
        for message in api.watch_build_log(build_id, after=after, on_lost=cli.tell_lost):
            if isinstance(message, LogLine):
                last = message.number
                cli.output.show(message, [message.text])
            else:
                cli.output.show(message, [])
        build = api.read_build(build_id)
    except KeyboardInterrupt:
        resume = f"heliostat builds log {build_id}{f' --after {last}' if last else ''}"
        raise StoppedWatchingError(
            "The build goes on without this command.", remedy=f"Read on with '{resume}'."
        ) from None
    if build.state is not BuildState.SUCCEEDED:
        raise EndedBadlyError(build.failure or _describe_end("build", build.state))


def _describe_end(what: str, state: LaunchState | BuildState) -> ErrorView:
    return ErrorView(code=f"{what}_{state.value}", message=f"The {what} was {state.value}")
