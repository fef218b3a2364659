"""Builds in the event store: appended as events, read from the read models, worked on under leases."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from heliostat_core.contracts.builds import BuildState, EnvironmentView, LogLine, PlanView
from heliostat_core.contracts.events import BuildInterrupted, BuildRequested, Event
from heliostat_core.contracts.model import ErrorView
from heliostat_core.eventstore import EventStore, NewEvent, Recorded
from heliostat_core.ids import StreamId, build_stream, environment_stream
from heliostat_core.schema import build_log_lines, builds, environments, events, sessions, work_items
from sqlalchemy import Select, Text, delete, func, insert, select, text, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.builds import Build

_UNFINISHED = (BuildState.QUEUED, BuildState.RUNNING)
_PAGE = 1000


class AlreadyBuildingError(Exception):
    """Another build of the same image has not ended; the transaction must be given up."""


class BuildStorage:
    """Reads and appends.

    Parameters
    ----------
    store
        The log, with the builder's projections.
    """

    def __init__(self, *, store: EventStore) -> None:
        self._store = store

    async def begin(self, connection: AsyncConnection, *, request: BuildRequested, correlation_id: UUID | None) -> None:
        """Append a request, which makes the build.

        Raises
        ------
        AlreadyBuildingError
            The unique index on unfinished builds of one image says that there is one.
        """
        event = NewEvent(data=request, actor=request.requested_by, correlation_id=correlation_id)
        try:
            await self._store.append(connection, build_stream(request.build_id), [event], expected=0)
        except IntegrityError as error:
            if "uq_builds_image_id" in str(error.orig):
                raise AlreadyBuildingError from error
            raise

    async def append(self, connection: AsyncConnection, build_id: UUID, event: Event, *, actor: str) -> Recorded:
        """Append to a build's stream; others who would append wait for the end of the transaction."""
        await connection.execute(select(builds.c.id).where(builds.c.id == build_id).with_for_update())
        return await self._append(connection, build_stream(build_id), event, actor=actor)

    async def append_environment(
        self, connection: AsyncConnection, environment_id: str, event: Event, *, actor: str
    ) -> Recorded:
        """Append to an environment's stream; raises StreamConflictError when somebody else does at the same moment."""
        return await self._append(connection, environment_stream(environment_id), event, actor=actor)

    async def read(self, connection: AsyncConnection, build_id: UUID, *, lock: bool = False) -> Build | None:
        """Read one build; ``lock`` keeps others from appending to it until the transaction ends."""
        statement = select(builds).where(builds.c.id == build_id)
        row = (await connection.execute(statement.with_for_update() if lock else statement)).one_or_none()
        return None if row is None else _to_build(row)

    async def read_latest(
        self, connection: AsyncConnection, image_id: str, states: Sequence[BuildState] = _UNFINISHED
    ) -> Build | None:
        """Read the latest build of an image in one of the states; of unfinished ones there is at most one."""
        statement = select(builds).where(builds.c.image_id == image_id, builds.c.state.in_(states))
        row = (await connection.execute(statement.order_by(builds.c.created_at.desc()).limit(1))).one_or_none()
        return None if row is None else _to_build(row)

    async def list_(
        self,
        connection: AsyncConnection,
        *,
        user: str | None,
        repository: str | None,
        state: BuildState | None,
        before: UUID | None,
        most: int,
    ) -> list[Build]:
        """List builds, the latest first; ``user`` limits them, and what ``before`` may be, to those the user asked for.

        After a build that is not there follows nothing.
        """
        statement = select(builds).order_by(builds.c.created_at.desc(), builds.c.id.desc()).limit(most)
        last = builds.alias()
        place = select(last.c.created_at, last.c.id).where(last.c.id == before)
        if user is not None:
            statement = statement.where(builds.c.requesters.contains([user]))
            place = place.where(last.c.requesters.contains([user]))
        if before is not None:
            statement = statement.where(tuple_(builds.c.created_at, builds.c.id) < place.scalar_subquery())
        if repository is not None:
            statement = statement.where(builds.c.repo == repository)
        if state is not None:
            statement = statement.where(builds.c.state == state)
        return [_to_build(row) for row in await connection.execute(statement)]

    async def count_interruptions(self, connection: AsyncConnection, build_id: UUID) -> int:
        """Count the attempts that ended because their builders were stopped as they should be."""
        table = events.c
        mine = (table.stream == build_stream(build_id), table.kind == BuildInterrupted.model_fields["kind"].default)
        return int((await connection.execute(select(func.count()).where(*mine))).scalar_one())

    async def is_ended(self, connection: AsyncConnection, build_id: str) -> bool:
        """Whether a build of that id, as text, will not be worked on any more."""
        statement = select(builds.c.id).where(builds.c.id.cast(Text) == build_id, builds.c.state.in_(_UNFINISHED))
        return (await connection.execute(statement)).one_or_none() is None

    async def delete_work(self, connection: AsyncConnection, build_id: UUID) -> None:
        """Take a build from whoever works on it: the lease is gone, and with it the right to write anything."""
        await connection.execute(delete(work_items).where(work_items.c.key == str(build_id)))

    async def add_lines(self, connection: AsyncConnection, build_id: UUID, lines: Sequence[dict[str, Any]]) -> None:
        """Store numbered lines."""
        await connection.execute(insert(build_log_lines), [{"build_id": build_id, **line} for line in lines])

    async def count_lines(self, connection: AsyncConnection, build_id: UUID) -> int:
        """Read the number of the last line; lines have no gaps."""
        statement = select(func.coalesce(func.max(build_log_lines.c.number), 0))
        return int((await connection.execute(statement.where(build_log_lines.c.build_id == build_id))).scalar_one())

    async def list_lines(self, connection: AsyncConnection, build_id: UUID, *, after: int) -> list[LogLine]:
        """List a page of lines after a number."""
        table = build_log_lines.c
        statement = select(table.number, table.time, table.phase, table.text).where(
            table.build_id == build_id, table.number > after
        )
        rows = await connection.execute(statement.order_by(table.number).limit(_PAGE))
        return [LogLine(number=row.number, time=row.time, phase=row.phase, text=row.text) for row in rows]

    async def count_output(
        self, connection: AsyncConnection, build_id: UUID, *, marker: str, phases: Sequence[str]
    ) -> int | None:
        """Count the lines of some phases after the last line that is the marker; None when there is no such line.

        The marker is of none of the phases, so that no output can pass for it.
        """
        table = build_log_lines.c
        of_build = select(func.max(table.number)).where(table.build_id == build_id, table.phase.not_in(phases))
        place = await connection.scalar(of_build.where(table.text == marker))
        if place is None:
            return None
        counted = select(func.count()).where(table.build_id == build_id, table.number > place, table.phase.in_(phases))
        return int(await connection.scalar(counted) or 0)

    async def list_environments(self, connection: AsyncConnection) -> list[EnvironmentView]:
        """List the environments that were not retired, the latest first."""
        statement = _select_environments()
        return [
            _to_environment(row)
            for row in await connection.execute(statement.order_by(environments.c.created_at.desc()))
        ]

    async def read_environment(self, connection: AsyncConnection, environment_id: str) -> EnvironmentView | None:
        """Read one environment that was not retired."""
        statement = _select_environments().where(environments.c.id == environment_id)
        row = (await connection.execute(statement)).one_or_none()
        return None if row is None else _to_environment(row)

    async def _append(self, connection: AsyncConnection, stream: StreamId, event: Event, *, actor: str) -> Recorded:
        # Events of a build belong to what its request belonged to, so that one id leads through all services.
        origin = text("SELECT correlation_id FROM events WHERE stream = :stream AND version = 1")
        correlation_id = (await connection.execute(origin, {"stream": stream})).scalar_one_or_none()
        version = await self._store.read_version(connection, stream)
        new = NewEvent(data=event, actor=actor, correlation_id=correlation_id)
        return (await self._store.append(connection, stream, [new], expected=version))[0]


def _to_build(row: Any) -> Build:
    return Build(
        id=row.id,
        state=BuildState(row.state),
        plan=PlanView.model_validate(row.plan),
        attempt=row.attempt,
        requesters=tuple(row.requesters),
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        failure=None if row.failure is None else ErrorView.model_validate(row.failure),
        image=row.image,
    )


def _select_environments() -> Select[Any]:
    """Select those that were not retired, with the last start of any server that has or had them, deleted ones too."""
    used = select(func.max(sessions.c.started_at)).where(sessions.c.environment_id == environments.c.id)
    last_used_at = used.scalar_subquery().label("last_used_at")
    return select(environments, last_used_at).where(environments.c.retired_at.is_(None))


def _to_environment(row: Any) -> EnvironmentView:
    return EnvironmentView(
        id=row.id,
        created_at=row.created_at,
        build_id=row.build_id,
        recipe=row.recipe,
        python=row.python,
        lock=row.lock,
        size=row.size,
        image=row.image,
        last_used_at=row.last_used_at,
        pinned_by=row.pinned_by,
        pinned_at=row.pinned_at,
    )
