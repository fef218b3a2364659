"""The timeline: events and decisions of all services, for administrators and for whom they concern."""

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args
from urllib.parse import urlencode

from heliostat_core.contracts.events import Event
from heliostat_core.contracts.timeline import TimelineEvent, TimelineLinks, TimelineView
from heliostat_core.eventstore import EventStore, Recorded

from ..domain.timeline import summarise
from ..errors import EventKindUnknownError
from ..storage.timeline import TimelineFilter, TimelineStorage

KINDS: tuple[str, ...] = tuple(model.model_fields["kind"].default for model in get_args(get_args(Event)[0]))
"""Every kind of event there is."""


class TimelineService:
    """Pages of the log.

    Parameters
    ----------
    base
        Public URL of this service, with a slash at the end.
    public
        Public URL of the hub, without one.
    """

    def __init__(self, *, store: EventStore, timeline: TimelineStorage, base: str, public: str) -> None:
        self._store = store
        self._timeline = timeline
        self._api = f"{base}api/v1/events"
        self._base = base
        self._public = public

    async def list_(self, wanted: TimelineFilter) -> TimelineView:
        """List a page of events, newest first, with the URL of the next page where there is one."""
        one_more = replace(wanted, most=wanted.most + 1)
        async with self._store.database.statements() as connection:
            positions = await self._timeline.list_positions(connection, one_more)
            events = await self._store.list_at(connection, positions[: wanted.most])
        older = self._link_older(wanted, positions[wanted.most - 1]) if len(positions) > wanted.most else None
        return TimelineView(events=[self._to_view(event) for event in events], older=older)

    def _link_older(self, wanted: TimelineFilter, last: int) -> str:
        query = {
            "user": wanted.user,
            "repo": wanted.repo,
            "launch": wanted.launch,
            "session": wanted.session,
            "stream": wanted.stream,
            "kind": wanted.kinds or None,
            "before": last,
            "after": wanted.after,
            "limit": wanted.most,
        }
        given = {name: value for name, value in query.items() if value is not None}
        return f"{self._api}?{urlencode(given, doseq=True)}"

    def _to_view(self, event: Recorded) -> TimelineEvent:
        position = event.cursor.position
        return TimelineEvent(
            position=position,
            time=event.time,
            kind=event.data.kind,
            stream=event.stream,
            version=event.version,
            actor=event.actor,
            correlation_id=event.correlation_id,
            summary=summarise(event.data),
            data=event.data.model_dump(mode="json", exclude={"kind"}),
            links=self._build_links(event, position),
        )

    def _build_links(self, event: Recorded, position: int) -> TimelineLinks:
        launch = getattr(event.data, "launch_id", None) or event.correlation_id
        build = getattr(event.data, "build_id", None)
        session = getattr(event.data, "session_id", None)
        decision = getattr(event.data, "decision_id", None)
        services = f"{self._public}/services"
        return TimelineLinks(
            self=f"{self._api}?after={position - 1}&before={position + 1}",
            launch=f"{self._base}launches/{launch}" if launch else None,
            build=f"{services}/builder/api/v1/builds/{build}" if build else None,
            session=f"{self._api}?session={session}" if session else None,
            decision=f"{services}/policy/api/v1/decisions/{decision}" if decision else None,
        )


def read_kinds(asked: Sequence[str]) -> tuple[str, ...]:
    """Name all kinds that are meant by kinds and their beginnings, such as ``launch`` or ``launch.ready``.

    Raises
    ------
    EventKindUnknownError
        One of them is nothing's beginning.
    """
    found: list[str] = []
    for beginning in asked:
        meant = [kind for kind in KINDS if kind == beginning or kind.startswith(f"{beginning}.")]
        if not meant:
            raise EventKindUnknownError(kind=beginning)
        found += meant
    return tuple(found)
