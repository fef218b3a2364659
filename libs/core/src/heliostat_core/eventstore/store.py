"""Appending to and reading from the log."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..contracts.events import event_adapter
from ..database import Database
from ..errors import ConflictError
from ..ids import StreamId
from .records import Append, BulkProjection, Cursor, NewEvent, Projection, Recorded

_APPEND = """
INSERT INTO events (stream, version, kind, actor, correlation_id, causation_id, data)
SELECT stream, version, kind, actor, correlation_id, causation_id, data::jsonb
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::text[])
     AS new (stream, version, kind, actor, correlation_id, causation_id, data)
RETURNING stream, version, position, xid::text::bigint AS xid, time
"""

_APPEND_FIRST = """
INSERT INTO events (stream, version, kind, actor, correlation_id, causation_id, data)
SELECT stream, 1, kind, actor, correlation_id, causation_id, data::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::text[])
     AS new (stream, kind, actor, correlation_id, causation_id, data)
ON CONFLICT (stream, version) DO NOTHING
RETURNING stream, position, xid::text::bigint AS xid, time
"""

_COLUMNS = "position, xid::text::bigint AS xid, stream, version, time, actor, correlation_id, causation_id, data"

_READ_STREAM = text(
    f"SELECT {_COLUMNS} FROM events WHERE stream = :stream AND version > :after ORDER BY version LIMIT :most"  # noqa: S608 a constant
)

_AFTER = f"SELECT {_COLUMNS} FROM events WHERE (xid, position) > (CAST(CAST(:xid AS text) AS xid8), :position)"  # noqa: S608 a constant
_READ_LOG = text(f"{_AFTER} AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, position LIMIT :most")
_READ_VISIBLE = text(f"{_AFTER} ORDER BY xid, position LIMIT :most")

_READ_CORRELATED = text(
    f"SELECT {_COLUMNS} FROM events WHERE correlation_id = :correlation_id ORDER BY position LIMIT :most"  # noqa: S608 a constant
)

_READ_AT = text(
    f"SELECT {_COLUMNS} FROM events WHERE position = ANY(:positions) ORDER BY position DESC"  # noqa: S608 a constant
)


class StreamConflictError(ConflictError):
    """Somebody else appended to the stream first; read it again and decide again."""

    code = "stream_conflict"

    def __init__(self, *, stream: StreamId, expected: int) -> None:
        super().__init__(f"Stream {stream} is not at version {expected} any more", remedy="Try again.")


class EventStore:
    """The log, with the read models that are kept in step with it.

    Parameters
    ----------
    database
        The pool.
    projections
        Read models of the events this process appends, applied in the transaction of the append.
    """

    def __init__(self, *, database: Database, projections: Sequence[Projection] = ()) -> None:
        self.database = database
        self._projections = projections

    async def append(
        self, connection: AsyncConnection, stream: StreamId, events: Sequence[NewEvent], *, expected: int
    ) -> list[Recorded]:
        """Append to one stream in the caller's transaction, whose last statement this should be.

        The unique index on (stream, version) is the optimistic lock: a second writer of the same version waits for the
        first to commit and then fails, so versions of a stream become visible in order and without a gap.

        Raises
        ------
        StreamConflictError
            The stream is not at version ``expected``; the transaction must be given up.
        """
        append = Append(stream=stream, events=events, expected=expected)
        try:
            return (await self.append_all(connection, [append]))[0]
        except IntegrityError as error:
            if "uq_events_stream_version" not in str(error.orig):
                raise
            raise StreamConflictError(stream=stream, expected=expected) from error

    async def append_all(self, connection: AsyncConnection, appends: Sequence[Append]) -> list[list[Recorded]]:
        """Append to several streams in one statement, all or nothing; the order is that of ``appends``.

        Raises
        ------
        sqlalchemy.exc.IntegrityError
            One of the streams is not at the version expected; the transaction must be given up.
        """
        versioned = [
            (append.stream, version, event)
            for append in appends
            for version, event in enumerate(append.events, start=append.expected + 1)
        ]
        columns: tuple[Any, ...] = (
            [stream for stream, _, _ in versioned],
            [version for _, version, _ in versioned],
            [event.data.kind for _, _, event in versioned],
            [event.actor for _, _, event in versioned],
            [event.correlation_id for _, _, event in versioned],
            [event.causation_id for _, _, event in versioned],
            [event.data.model_dump_json() for _, _, event in versioned],
        )
        with self.database.metrics.appends.time():
            rows = (await connection.exec_driver_sql(_APPEND, columns)).all()
            placed = {(row.stream, row.version): row for row in rows}
            recorded = [_place(event, stream, version, placed[stream, version]) for stream, version, event in versioned]
            await self._project(connection, recorded)
        remaining = iter(recorded)
        return [list(islice(remaining, len(append.events))) for append in appends]

    async def append_first(self, connection: AsyncConnection, events: Mapping[StreamId, NewEvent]) -> list[Recorded]:
        """Begin many streams with one event each, in one statement; streams that exist already are left alone.

        For what is recorded under an id derived from its content, so that recording it again changes nothing.
        Returns what was appended.
        """
        columns: tuple[Any, ...] = (
            list(events),
            [event.data.kind for event in events.values()],
            [event.actor for event in events.values()],
            [event.correlation_id for event in events.values()],
            [event.causation_id for event in events.values()],
            [event.data.model_dump_json() for event in events.values()],
        )
        with self.database.metrics.appends.time():
            rows = (await connection.exec_driver_sql(_APPEND_FIRST, columns)).all()
            recorded = [_place(events[StreamId(row.stream)], StreamId(row.stream), 1, row) for row in rows]
            await self._project(connection, recorded)
        return recorded

    async def _project(self, connection: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        for projection in self._projections:
            if isinstance(projection, BulkProjection):
                await projection.apply_all(connection, recorded)
                continue
            for item in recorded:
                await projection.apply(connection, item)
        for item in recorded:
            self.database.metrics.events.labels(item.data.kind).inc()

    async def read_stream(
        self, connection: AsyncConnection, stream: StreamId, *, after: int = 0, most: int = 1000
    ) -> list[Recorded]:
        """List the events of one stream after a version, oldest first."""
        rows = await connection.execute(_READ_STREAM, {"stream": stream, "after": after, "most": most})
        return [_to_recorded(row) for row in rows]

    async def read_version(self, connection: AsyncConnection, stream: StreamId) -> int:
        """Read the version a stream is at; 0 where there is none."""
        statement = text("SELECT coalesce(max(version), 0) FROM events WHERE stream = :stream")
        return int((await connection.execute(statement, {"stream": stream})).scalar_one())

    async def read_log(
        self, connection: AsyncConnection, *, after: Cursor, most: int = 500, settled: bool = True
    ) -> list[Recorded]:
        """List events of all streams after a cursor, leaving out those that an earlier one may still overtake.

        Positions are drawn before commits, so ordering by them loses events that commit late. Here a row counts only
        once its transaction is older than every running one (``xid < pg_snapshot_xmin``): whatever becomes visible
        later has a higher xid and so comes after all that was returned, if the order is (xid, position).

        Not ``settled`` also returns what is committed but may still be overtaken: for a rebuild, which has locked out
        the writers of its tables and must not leave out what they committed while an older transaction was running.
        """
        values = {"xid": str(after.xid), "position": after.position, "most": most}
        return [_to_recorded(row) for row in await connection.execute(_READ_LOG if settled else _READ_VISIBLE, values)]

    async def read_correlated(
        self, connection: AsyncConnection, correlation_id: Any, *, most: int = 1000
    ) -> list[Recorded]:
        """List all events of one correlation id (one launch across services) by position."""
        values = {"correlation_id": correlation_id, "most": most}
        return [_to_recorded(row) for row in await connection.execute(_READ_CORRELATED, values)]

    async def list_at(self, connection: AsyncConnection, positions: Sequence[int]) -> list[Recorded]:
        """List the events at these positions, newest first."""
        return [_to_recorded(row) for row in await connection.execute(_READ_AT, {"positions": list(positions)})]


def _place(event: NewEvent, stream: StreamId, version: int, row: Any) -> Recorded:
    return Recorded(
        cursor=Cursor(xid=row.xid, position=row.position),
        stream=stream,
        version=version,
        time=row.time,
        actor=event.actor,
        correlation_id=event.correlation_id,
        causation_id=event.causation_id,
        data=event.data,
    )


def _to_recorded(row: Any) -> Recorded:
    return Recorded(
        cursor=Cursor(xid=row.xid, position=row.position),
        stream=StreamId(row.stream),
        version=row.version,
        time=row.time,
        actor=row.actor,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        data=event_adapter.validate_python(row.data),
    )
