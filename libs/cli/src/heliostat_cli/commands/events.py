"""`heliostat events`: the timeline."""

from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

import typer
from heliostat_core.contracts.timeline import TimelineEvent, TimelineView

from ..api import Api
from ..context import Cli
from ..errors import StoppedWatchingError
from ..http import Params
from ..render.events import build_event_line
from ..timeline import follow_events

_PAGE = 200
"""Events the service gives at most at once."""


def events(  # one parameter per option
    context: typer.Context,
    *,
    user: Annotated[str | None, typer.Option(help="Whom it concerns; others than you, for administrators.")] = None,
    repo: Annotated[
        str | None, typer.Option(metavar="URL", help="Only about this repository, as plans write it.")
    ] = None,
    launch: Annotated[UUID | None, typer.Option(metavar="ID", help="Only about this launch.")] = None,
    session: Annotated[UUID | None, typer.Option(metavar="ID", help="Only about this server.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only these kinds, such as launch or launch.ready.")] = None,
    before: Annotated[int | None, typer.Option(min=0, metavar="POSITION", help="Only what came before.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens from now on.")] = False,
) -> None:
    """Show events and decisions, the newest last."""
    cli = Cli.of(context)
    params: Params = {
        "user": user,
        "repo": repo,
        "launch": str(launch) if launch else None,
        "session": str(session) if session else None,
        "kind": kind,
    }
    with cli.connect() as api:
        view = _read(api, {**params, "before": None if before is None else str(before)}, most=limit)
        if not follow:
            cli.output.show(view, [build_event_line(event) for event in reversed(view.events)])
            return
        _show_each(cli, reversed(view.events))
        try:
            _show_each(cli, follow_events(api, params, known=view.events, on_lost=cli.tell_lost))
        except KeyboardInterrupt:
            raise StoppedWatchingError("No longer following.", remedy="Everything is kept; ask again.") from None


def _show_each(cli: Cli, found: Iterator[TimelineEvent]) -> None:
    for event in found:
        cli.output.show(event, [build_event_line(event)])


def _read(api: Api, params: Params, *, most: int) -> TimelineView:
    """Read as many pages as hold the newest ``most`` events; the next page's URL is that after the last."""
    found: list[TimelineEvent] = []
    while True:
        page = api.list_events({**params, "limit": str(min(most - len(found), _PAGE))})
        found += page.events
        if page.older is None or len(found) >= most:
            return TimelineView(events=found, older=page.older)
        params = {**params, "before": str(found[-1].position)}
