"""Sessions, volumes and observations in Postgres: the read models, and the questions asked of them."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.model import Enforcement
from heliostat_core.contracts.sessions import SessionState
from heliostat_core.eventstore import Recorded
from heliostat_core.schema import launches, observations, sessions, volumes
from sqlalchemy import ColumnElement, Row, Select, Table, and_, case, func, insert, select, text, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.ledger import RUNNING_STATES, Session, Volume
from ..errors import ServerNameTakenError

_OBSERVE = text("""
INSERT INTO observations (session_id, last_activity, source, observed_at, reported_at)
VALUES (:session_id, :last_activity, :source, :observed_at, :reported_at)
ON CONFLICT (session_id) DO UPDATE SET
    last_activity = greatest(observations.last_activity, excluded.last_activity),
    source = CASE WHEN observations.last_activity >= excluded.last_activity
                  THEN observations.source ELSE excluded.source END,
    observed_at = greatest(observations.observed_at, excluded.observed_at),
    reported_at = greatest(observations.reported_at, excluded.reported_at)
""")
_REGROUP = text("""
INSERT INTO observations (session_id, groups) VALUES (:session_id, CAST(:groups AS jsonb))
ON CONFLICT (session_id) DO UPDATE SET groups = excluded.groups WHERE observations.groups <> excluded.groups
""")


_VOLUME_KINDS = (kinds.StorageCreated, kinds.StorageMeasured, kinds.StorageDeleted)


class SessionProjection:
    """Keeps `sessions` and `volumes` in step with the session and storage streams."""

    tables: Sequence[Table] = (sessions, volumes)

    async def apply(self, connection: AsyncConnection, event: Recorded) -> None:
        """Apply one event.

        Raises
        ------
        ServerNameTakenError
            A session of this name exists that is not deleted.
        """
        await self.apply_all(connection, [event])

    async def apply_all(self, connection: AsyncConnection, events: Sequence[Recorded]) -> None:
        """Apply several events, those of one session or volume in one statement."""
        for _, stream in groupby(events, key=lambda event: event.stream):
            await _apply_stream(connection, list(stream))


async def _apply_stream(connection: AsyncConnection, events: Sequence[Recorded]) -> None:
    first, changes = events[0].data, dict[str, Any]()
    for event in events:
        changed = _list_changes(event)
        if changed is None:
            return
        changes |= changed
    if isinstance(first, _VOLUME_KINDS):
        await _write_volume(connection, first, changes)
    else:
        await _write_session(connection, first, changes | {"version": events[-1].version})


async def _write_volume(connection: AsyncConnection, first: Any, changes: dict[str, Any]) -> None:
    if isinstance(first, kinds.StorageCreated):
        await connection.execute(insert(volumes).values(**changes))
    else:
        await connection.execute(update(volumes).where(volumes.c.id == first.volume_id).values(**changes))


async def _write_session(connection: AsyncConnection, first: Any, changes: dict[str, Any]) -> None:
    if not isinstance(first, kinds.SessionCreated):
        await connection.execute(update(sessions).where(sessions.c.id == first.session_id).values(**changes))
        return
    try:
        await connection.execute(insert(sessions).values(**changes))
    except IntegrityError as error:
        raise ServerNameTakenError from error


def _list_changes(event: Recorded) -> dict[str, Any] | None:  # noqa: C901, PLR0911, PLR0912 one case per kind
    """Say what an event changes in the row of its session or volume; None for events of other streams."""
    data = event.data
    match data:
        case kinds.SessionCreated():
            fields = data.model_dump(exclude={"kind", "session_id"})
            return fields | {
                "id": data.session_id,
                "state": SessionState.STOPPED.value,
                "created_at": event.time,
            }
        case kinds.StorageCreated():
            return data.model_dump(exclude={"kind", "volume_id"}) | {"id": data.volume_id, "created_at": event.time}
        case kinds.StorageMeasured():
            return {"used": data.used, "limit": data.limit, "measured_at": event.time}
        case kinds.StorageDeleted():
            return {"deleted_at": event.time}
        case kinds.SessionAssigned():
            return data.model_dump(exclude={"kind", "session_id"})
        case kinds.SessionStarted():
            return {
                "state": _unless_deleting(SessionState.RUNNING),
                "started_at": data.started_at,
                "last_activity": data.started_at,
                "activity_source": "start",
                "observed_at": event.time,
                "warned_at": None,
                "enforcement": [item.model_dump() for item in data.enforcement],
            }
        case kinds.SessionActivityObserved():
            return {
                "last_activity": data.last_activity,
                "activity_source": data.source,
                "observed_at": data.observed_at,
                "warned_at": None,
            }
        case kinds.SessionIdleWarned():
            return {"warned_at": event.time}
        case kinds.SessionStopRequested():
            return {"state": SessionState.STOPPING.value} if data.reason != "delete" else {}
        case kinds.SessionStopped():
            return {"state": _unless_deleting(SessionState.STOPPED)}
        case kinds.SessionShared() | kinds.SessionUnshared():
            return {}
        case kinds.SessionDeleteRequested():
            return {"state": SessionState.DELETING.value}
        case kinds.SessionDeleted():
            return {"state": SessionState.DELETED.value, "deleted_at": event.time}
        case _:
            return None


def _unless_deleting(state: SessionState) -> ColumnElement[str]:
    """Change the state, except of a session whose deletion was asked for: that is not taken back."""
    deleting = SessionState.DELETING.value
    return case((sessions.c.state == deleting, deleting), else_=state.value)


class SessionStorage:
    """Questions about sessions; deleted ones are left out everywhere."""

    async def list_of_user(self, connection: AsyncConnection, user: str) -> list[Session]:
        """List a user's sessions, most recently active first."""
        statement = _select_sessions().where(sessions.c.user == user)
        ordered = statement.order_by(func.coalesce(sessions.c.last_activity, sessions.c.created_at).desc())
        return [_to_session(row) for row in await connection.execute(ordered)]

    async def find(self, connection: AsyncConnection, *, user: str, name: str) -> Session | None:
        """Find the session of a server."""
        statement = _select_sessions().where(sessions.c.user == user, sessions.c.server_name == name)
        row = (await connection.execute(statement)).one_or_none()
        return None if row is None else _to_session(row)

    async def read(self, connection: AsyncConnection, session_id: UUID) -> Session | None:
        """Read one session."""
        row = (await connection.execute(_select_sessions().where(sessions.c.id == session_id))).one_or_none()
        return None if row is None else _to_session(row)

    async def list_running(
        self, connection: AsyncConnection, *, fresh_since: datetime, after: UUID | None, most: int
    ) -> list[Session]:
        """List sessions that run, as far as the ledger knows, and were observed since a time, by id, page by page."""
        statement = _select_sessions().where(
            sessions.c.state.in_([state.value for state in RUNNING_STATES]),
            func.greatest(observations.c.observed_at, sessions.c.observed_at) >= fresh_since,
        )
        if after is not None:
            statement = statement.where(sessions.c.id > after)
        return [_to_session(row) for row in await connection.execute(statement.order_by(sessions.c.id).limit(most))]

    async def list_of_users(self, connection: AsyncConnection, users: Sequence[str]) -> list[Session]:
        """List the sessions of several users."""
        statement = _select_sessions().where(sessions.c.user.in_(users))
        return [_to_session(row) for row in await connection.execute(statement)]

    async def list_all(
        self, connection: AsyncConnection, *, user: str | None, after: tuple[str, str], most: int
    ) -> list[Session]:
        """List everybody's sessions, or one user's, by user and name, from after one such pair on."""
        place = tuple_(sessions.c.user, sessions.c.server_name)
        statement = _select_sessions().where(place > tuple_(*after)).order_by(sessions.c.user, sessions.c.server_name)
        if user is not None:
            statement = statement.where(sessions.c.user == user)
        return [_to_session(row) for row in await connection.execute(statement.limit(most))]

    async def list_users(self, connection: AsyncConnection) -> set[str]:
        """List who has sessions."""
        statement = select(sessions.c.user).where(sessions.c.deleted_at.is_(None)).distinct()
        return set((await connection.execute(statement)).scalars())

    async def observe(
        self,
        connection: AsyncConnection,
        session_id: UUID,
        *,
        last_activity: datetime,
        source: str,
        observed_at: datetime,
    ) -> None:
        """Keep what a report, or the hub, said of a server; times only move forward."""
        values = {
            "reported_at": None if source == "hub" else observed_at,
            "session_id": session_id,
            "last_activity": last_activity,
            "source": source,
            "observed_at": observed_at,
        }
        await connection.execute(_OBSERVE, values)

    async def regroup(self, connection: AsyncConnection, session_id: UUID, groups: str) -> None:
        """Keep the owner's groups, given as JSON."""
        await connection.execute(_REGROUP, {"session_id": session_id, "groups": groups})

    async def forget(self, connection: AsyncConnection, session_id: UUID) -> None:
        """Drop what was observed of a deleted session."""
        await connection.execute(observations.delete().where(observations.c.session_id == session_id))

    async def read_volume(self, connection: AsyncConnection, volume_id: str) -> tuple[Volume, bool, bool] | None:
        """Read a volume with whether it, and its session, are deleted."""
        statement = (
            select(volumes, sessions.c.deleted_at.label("session_deleted_at"))
            .outerjoin(sessions, sessions.c.id == volumes.c.session_id)
            .where(volumes.c.id == volume_id)
        )
        row = (await connection.execute(statement)).one_or_none()
        if row is None:
            return None
        return _to_volume(row), row.deleted_at is not None, row.session_deleted_at is not None

    async def list_volumes(self, connection: AsyncConnection, session_id: UUID) -> list[Volume]:
        """List the volumes of a session that are not deleted."""
        statement = select(volumes).where(volumes.c.session_id == session_id, volumes.c.deleted_at.is_(None))
        return [_to_volume(row) for row in await connection.execute(statement)]


def _select_sessions() -> Select[Any]:
    return (
        select(
            sessions,
            observations.c.last_activity.label("seen_activity"),
            observations.c.source.label("seen_source"),
            observations.c.observed_at.label("seen_at"),
            observations.c.reported_at,
            observations.c.groups,
            volumes.c.id.label("volume_id"),
            volumes.c.limit.label("volume_limit"),
            volumes.c.used,
            volumes.c.measured_at,
            func.concat_ws("/", launches.c.plan["provider"].astext, launches.c.plan["resolved_spec"].astext).label(
                "spec"
            ),
            launches.c.plan["ref_url"].astext.label("ref_url"),
        )
        .outerjoin(launches, launches.c.id == sessions.c.launch_id)
        .outerjoin(observations, observations.c.session_id == sessions.c.id)
        .outerjoin(volumes, and_(volumes.c.session_id == sessions.c.id, volumes.c.deleted_at.is_(None)))
        .where(sessions.c.deleted_at.is_(None))
    )


def _to_volume(row: Row[Any]) -> Volume:
    return Volume(id=row.id, session_id=row.session_id, limit=row.limit, used=row.used, measured_at=row.measured_at)


def _to_session(row: Row[Any]) -> Session:
    activity, source, observed_at = row.last_activity, row.activity_source, row.observed_at
    # A report moves the observation at once and the ledger only when it is notable; the newer of both is the truth.
    if row.seen_activity is not None and (activity is None or row.seen_activity > activity):
        activity, source = row.seen_activity, row.seen_source
    if row.seen_at is not None and (observed_at is None or row.seen_at > observed_at):
        observed_at = row.seen_at
    return Session(
        id=row.id,
        version=row.version,
        user=row.user,
        server_name=row.server_name,
        state=SessionState(row.state),
        launch_id=row.launch_id,
        repo=row.repo,
        ref=row.ref,
        commit=row.commit,
        environment_id=row.environment_id,
        content_id=row.content_id,
        image=row.image,
        path=row.path,
        started_at=row.started_at,
        last_activity=activity,
        activity_source=source,
        observed_at=observed_at,
        reported_at=row.reported_at,
        recorded_activity=row.last_activity,
        recorded_source=row.activity_source,
        warned_at=row.warned_at,
        enforcement=tuple(Enforcement(**item) for item in row.enforcement),
        created_at=row.created_at,
        groups=tuple(row.groups or ()),
        volume=_to_session_volume(row),
        spec=row.spec,
        ref_url=row.ref_url,
    )


def _to_session_volume(row: Row[Any]) -> Volume | None:
    if row.volume_id is None:
        return None
    return Volume(
        id=row.volume_id,
        session_id=row.id,
        limit=row.volume_limit,
        used=row.used,
        measured_at=row.measured_at,
    )
