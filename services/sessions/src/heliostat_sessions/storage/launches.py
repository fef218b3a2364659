"""Launches in Postgres: the read model, and the questions asked of it."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.builds import BuildState, PlanView
from heliostat_core.contracts.launches import LaunchLinks, LaunchState, LaunchView
from heliostat_core.contracts.model import ErrorView
from heliostat_core.eventstore import Recorded
from heliostat_core.schema import builds, launches
from sqlalchemy import Row, Table, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.launch import BuildProgress

_FINAL = [state.value for state in LaunchState if state.final]
_LOCK_USER = text("SELECT pg_advisory_xact_lock(1280658001, hashtext(:user))")
"""The first number ("LUS" + 1) keeps these locks apart from other uses of advisory locks."""


class LaunchProjection:
    """Keeps `launches` in step with the launch streams."""

    tables: Sequence[Table] = (launches,)

    async def apply(self, connection: AsyncConnection, event: Recorded) -> None:
        """Apply one event."""
        await self.apply_all(connection, [event])

    async def apply_all(self, connection: AsyncConnection, events: Sequence[Recorded]) -> None:
        """Apply several events, those of one launch in one statement."""
        for _, stream in groupby(events, key=lambda event: event.stream):
            await _apply_stream(connection, list(stream))


async def _apply_stream(connection: AsyncConnection, events: Sequence[Recorded]) -> None:
    first, changes = events[0].data, dict[str, Any]()
    for event in events:
        changed = _list_changes(event)
        if changed is None:
            return
        changes |= changed | {"version": event.version}
    if isinstance(first, kinds.LaunchRequested):
        await connection.execute(insert(launches).values(**changes))
        return
    launch_id = first.launch_id  # type: ignore[union-attr]  # only launch events have changes
    await connection.execute(update(launches).where(launches.c.id == launch_id).values(**changes))


def _build_row(data: kinds.LaunchRequested, event: Recorded) -> dict[str, Any]:
    fields = data.model_dump(exclude={"kind", "launch_id", "spec", "temporary"})
    return fields | {"id": data.launch_id, "state": "requested", "created_at": event.time}


def _list_changes(event: Recorded) -> dict[str, Any] | None:  # noqa: C901, PLR0911 one case per kind
    """Say what an event changes in its launch's row; None for events of other streams."""
    data = event.data
    match data:
        case kinds.LaunchRequested():
            return _build_row(data, event)
        case kinds.LaunchPlanned(plan=plan):
            return {
                "state": "planned",
                "repo": plan.repo,
                "ref": plan.ref,
                "provider": plan.provider,
                "commit": plan.commit,
                "plan": plan.model_dump(mode="json"),
            }
        case kinds.LaunchBuildAwaited():
            return {"state": "building", "build_id": data.build_id}
        case kinds.LaunchBuilt():
            return {"state": "built"}
        case kinds.LaunchAdmitted():
            return {
                "state": "admitted",
                "session_id": data.session_id,
                "server_name": data.server_name,
                "reopened": data.reopened,
            }
        case kinds.LaunchSpawnRequested():
            return {"state": "spawning", "attempt": data.attempt}
        case kinds.LaunchProgressed():
            return {}
        case kinds.LaunchReady():
            return {"state": "ready", "url": data.url, "finished_at": event.time}
        case kinds.LaunchRefused():
            return _finish("refused", event.time, data.error.model_dump(mode="json"))
        case kinds.LaunchFailed():
            return _finish("failed", event.time, data.error.model_dump(mode="json"))
        case kinds.LaunchCancelled():
            return _finish("cancelled", event.time, None)
        case _:
            return None


def _finish(state: str, time: datetime, error: dict[str, Any] | None) -> dict[str, Any]:
    return {"state": state, "finished_at": time, "error": error}


class LaunchStorage:
    """Questions about launches.

    Parameters
    ----------
    base
        Public URL of this service, with a slash at the end.
    public
        Public URL of the hub.
    """

    def __init__(self, *, base: str, public: str) -> None:
        self._base = base
        self._public = public

    async def lock_user(self, connection: AsyncConnection, user: str) -> None:
        """Let no other transaction create a launch for this user until this one ends."""
        await connection.execute(_LOCK_USER, {"user": user})

    async def read(self, connection: AsyncConnection, launch_id: UUID) -> LaunchView | None:
        """Read one launch."""
        row = (await connection.execute(select(launches).where(launches.c.id == launch_id))).one_or_none()
        return None if row is None else self._to_view(row)

    async def read_state(self, connection: AsyncConnection, launch_id: UUID) -> LaunchState | None:
        """Read only the state of a launch."""
        state = (
            await connection.execute(select(launches.c.state).where(launches.c.id == launch_id))
        ).scalar_one_or_none()
        return None if state is None else LaunchState(state)

    async def find_by_key(self, connection: AsyncConnection, *, user: str, key: str) -> UUID | None:
        """Find the launch of an idempotency key."""
        statement = select(launches.c.id).where(launches.c.user == user, launches.c.idempotency_key == key)
        return (await connection.execute(statement)).scalar_one_or_none()

    async def find_under_way(
        self,
        connection: AsyncConnection,
        *,
        user: str,
        repo: str,
        commit: str,
        server_name: str | None,
        new: bool,
    ) -> UUID | None:
        """Find a launch of the same commit that is not finished and would lead to the same server."""
        statement = select(launches.c.id).where(
            launches.c.user == user,
            launches.c.repo == repo,
            launches.c.commit == commit,
            launches.c.new == new,
            launches.c.state.not_in(_FINAL),
        )
        if server_name is not None:
            statement = statement.where(launches.c.server_name == server_name)
        ordered = statement.order_by(launches.c.created_at).limit(1)
        return (await connection.execute(ordered)).scalar_one_or_none()

    async def list_busy(self, connection: AsyncConnection, *, user: str | None = None) -> dict[UUID, UUID]:
        """Map sessions that unfinished launches are bringing up to those launches."""
        statement = select(launches.c.session_id, launches.c.id).where(
            launches.c.finished_at.is_(None), launches.c.session_id.is_not(None)
        )
        if user is not None:
            statement = statement.where(launches.c.user == user)
        return {row.session_id: row.id for row in await connection.execute(statement)}

    async def list_of_user(
        self, connection: AsyncConnection, *, user: str, under_way: bool = False, most: int = 50
    ) -> list[LaunchView]:
        """List a user's launches, newest first."""
        statement = select(launches).where(launches.c.user == user)
        if under_way:
            statement = statement.where(launches.c.state.not_in(_FINAL))
        rows = await connection.execute(statement.order_by(launches.c.created_at.desc()).limit(most))
        return [self._to_view(row) for row in rows]

    async def count_spawning(self, connection: AsyncConnection) -> int:
        """Count launches whose server is starting."""
        statement = (
            select(func.count())
            .select_from(launches)
            .where(launches.c.finished_at.is_(None), launches.c.state == LaunchState.SPAWNING.value)
        )
        return int((await connection.execute(statement)).scalar_one())

    async def read_build(self, connection: AsyncConnection, build_id: UUID) -> BuildProgress | None:
        """Read how far a build is."""
        statement = select(builds.c.state, builds.c.failure, builds.c.image).where(builds.c.id == build_id)
        row = (await connection.execute(statement)).one_or_none()
        if row is None:
            return None
        failure = ErrorView.model_validate(row.failure) if row.failure else None
        return BuildProgress(state=BuildState(row.state), failure=failure, image=row.image)

    async def read_build_plan(self, connection: AsyncConnection, build_id: UUID) -> PlanView | None:
        """Read what a build was to do."""
        plan = await connection.scalar(select(builds.c.plan).where(builds.c.id == build_id))
        return None if plan is None else PlanView.model_validate(plan)

    def _to_view(self, row: Row[Any]) -> LaunchView:
        return LaunchView(
            id=row.id,
            state=LaunchState(row.state),
            user=row.user,
            repo=row.repo,
            ref=row.ref,
            path=row.path,
            urlpath=row.urlpath,
            server_name=row.server_name,
            plan=row.plan,
            build_id=row.build_id,
            session_id=row.session_id,
            url=row.url,
            error=row.error,
            created_at=row.created_at,
            finished_at=row.finished_at,
            links=self._build_links(row),
        )

    def _build_links(self, row: Row[Any]) -> LaunchLinks:
        api = f"{self._base}api/v1/launches/{row.id}"
        build = f"{self._public}/services/builder/api/v1/builds/{row.build_id}" if row.build_id else None
        session = f"{self._base}api/v1/sessions/{row.server_name or '~default'}" if row.session_id is not None else None
        return LaunchLinks(
            self=api,
            events=f"{api}/events",
            page=f"{self._base}launches/{row.id}",
            build=build,
            log=f"{build}/log" if build else None,
            session=session,
        )
