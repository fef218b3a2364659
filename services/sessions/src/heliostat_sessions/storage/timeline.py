"""Finding the events of a user, repository, launch or server in the log.

Few events name whom they concern, but the read models know whose each stream is. So a page is made from the streams and
launches that fit, each asked for its newest events through an index. The cost grows with what the user or repository
has, and never with the log: the log itself is only walked backwards where nothing is asked for but the newest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from heliostat_core.schema import builds, decisions, events, launches, sessions, volumes
from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Select,
    String,
    Text,
    and_,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

_BUILDER = "builder"
_OF_BUILDS = "build-"


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """Which events are wanted; what is given must all fit. ``before`` and ``after`` are positions and exclusive.

    With ``user``, events that name other people (who else waits for a build) are left out.
    """

    user: str | None = None
    repo: str | None = None
    launch: UUID | None = None
    session: UUID | None = None
    stream: str | None = None
    kinds: Sequence[str] = ()
    before: int | None = None
    after: int | None = None
    most: int = 50

    @property
    def has_subject(self) -> bool:
        """Whether it asks for the events of something."""
        return any(value is not None for value in (self.user, self.repo, self.launch, self.session))


class TimelineStorage:
    """Finds events."""

    async def list_positions(self, connection: AsyncConnection, wanted: TimelineFilter) -> list[int]:
        """List the positions of the newest events that fit, newest first."""
        if wanted.has_subject:
            found = _find_of_subject(wanted)
        elif wanted.stream is not None:
            found = _newest(wanted, events.c.version, *_list_conditions(wanted))
        else:
            found = _find_in_log(wanted)
        page = found.subquery("page")
        statement = select(page.c.position).order_by(page.c.position.desc()).limit(wanted.most)
        return list(await connection.scalars(statement))


def _find_in_log(wanted: TimelineFilter) -> Select[int]:
    if not wanted.kinds:
        return _newest(wanted, events.c.position)
    kinds = select(func.unnest(literal(list(wanted.kinds), ARRAY(Text))).label("kind")).cte("kinds")
    newest = _newest(wanted, events.c.position, events.c.kind == kinds.c.kind).lateral("newest")
    return select(newest.c.position).select_from(kinds.join(newest, true()))


def _find_of_subject(wanted: TimelineFilter) -> Select[int]:
    fits = _list_conditions(wanted)
    streams = union_all(*_list_streams(wanted)).cte("streams")
    of_stream = _newest(wanted, events.c.version, events.c.stream == streams.c.stream, *fits).lateral("of_stream")
    caused = _list_launches(wanted).cte("caused")
    # Builds that a launch waits for are among the streams: a build has as many requesters as it likes.
    others = not_(events.c.stream.startswith(_OF_BUILDS, autoescape=True))
    of_launch = _newest(wanted, events.c.position, events.c.correlation_id == caused.c.id, others, *fits).lateral(
        "of_launch"
    )
    return union(  # type: ignore[return-value]  # a union is as good as a select here
        select(of_stream.c.position).select_from(streams.join(of_stream, true())),
        select(of_launch.c.position).select_from(caused.join(of_launch, true())),
    )


def _list_conditions(wanted: TimelineFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.kinds:
        conditions.append(events.c.kind.in_(wanted.kinds))
    if wanted.stream is not None:
        conditions.append(events.c.stream == wanted.stream)
    if wanted.user is not None:
        conditions.append(_may_be_seen_by(wanted.user))
    return conditions


def _newest(wanted: TimelineFilter, order: Column[int], *conditions: ColumnElement[bool]) -> Select[int]:
    """Select the newest by position, or within a stream by version, which is the same and has an index."""
    statement = select(events.c.position).where(*conditions).order_by(order.desc()).limit(wanted.most)
    if wanted.before is not None:
        statement = statement.where(events.c.position < wanted.before)
    if wanted.after is not None:
        statement = statement.where(events.c.position > wanted.after)
    return statement


def _may_be_seen_by(user: str) -> ColumnElement[bool]:
    of_build = events.c.stream.startswith(_OF_BUILDS, autoescape=True)
    names_another = and_(of_build, events.c.actor.not_in((user, _BUILDER)), events.c.kind != "build.cancelled.v1")
    decides_on_another = and_(events.c.kind == "decision.made.v1", events.c.data["user"].astext != user)
    return not_(or_(names_another, decides_on_another))


def _list_launches(wanted: TimelineFilter) -> Select[UUID]:
    statement = select(launches.c.id)
    if wanted.user is not None:
        statement = statement.where(launches.c.user == wanted.user)
    if wanted.repo is not None:
        statement = statement.where(launches.c.repo == wanted.repo)
    if wanted.launch is not None:
        statement = statement.where(launches.c.id == wanted.launch)
    if wanted.session is not None:
        statement = statement.where(launches.c.session_id == wanted.session)
    return statement


def _list_sessions(wanted: TimelineFilter) -> Select[UUID]:
    statement = select(sessions.c.id)
    if wanted.user is not None:
        statement = statement.where(sessions.c.user == wanted.user)
    if wanted.repo is not None:
        statement = statement.where(sessions.c.repo == wanted.repo)
    if wanted.session is not None:
        statement = statement.where(sessions.c.id == wanted.session)
    return statement


def _list_streams(wanted: TimelineFilter) -> list[Select[str]]:
    """List where the streams come from; a launch has only its build's, all else of it has its correlation id."""
    if wanted.launch is not None:
        return [_list_builds(wanted)]
    owned = _list_sessions(wanted)
    stored = select(_name("storage-", volumes.c.id)).where(volumes.c.session_id.in_(owned))
    found = owned.cte("owned")
    return [_list_builds(wanted), select(_name("session-", found.c.id)), stored, _list_decisions(wanted)]


def _list_builds(wanted: TimelineFilter) -> Select[str]:
    statement = select(_name(_OF_BUILDS, builds.c.id))
    if wanted.user is not None:
        statement = statement.where(builds.c.requesters.contains([wanted.user]))
    if wanted.repo is not None:
        statement = statement.where(builds.c.repo == wanted.repo)
    if wanted.launch is not None or wanted.session is not None:
        waited_for = _list_launches(wanted).with_only_columns(launches.c.build_id)
        statement = statement.where(builds.c.id.in_(waited_for))
    return statement


def _list_decisions(wanted: TimelineFilter) -> Select[str]:
    statement = select(_name("decision-", decisions.c.id))
    if wanted.user is not None:
        statement = statement.where(decisions.c.user == wanted.user)
    if wanted.repo is not None or wanted.session is not None:
        statement = statement.where(decisions.c.session_id.in_(_list_sessions(wanted)))
    return statement


def _name(prefix: str, column: ColumnElement[object]) -> ColumnElement[str]:
    return (literal(prefix) + cast(column, String)).label("stream")
