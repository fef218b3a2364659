"""Appending to the streams of sessions and their storage."""

from contextlib import AbstractAsyncContextManager
from uuid import UUID

from heliostat_core.contracts.events import Event
from heliostat_core.eventstore import EventStore, GroupedAppends, NewEvent
from heliostat_core.ids import session_stream, storage_stream
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.ledger import Session

ACTOR = "sessions"


class SessionLedger:
    """What happened to sessions, guarded by their versions."""

    def __init__(self, *, store: EventStore, appends: GroupedAppends) -> None:
        self.store = store
        self._appends = appends

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Begin a transaction."""
        return self.store.database.transaction()

    def statements(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend a connection on which every statement is a transaction of its own."""
        return self.store.database.statements()

    async def append(self, session: Session, *events: Event, actor: str = ACTOR) -> None:
        """Append to a session in a transaction of its own.

        Raises
        ------
        StreamConflictError
            Something happened to the session since it was read.
        """
        new = [NewEvent(data=event, actor=actor) for event in events]
        await self._appends.append(session_stream(session.id), new, expected=session.version)

    async def append_within(
        self, connection: AsyncConnection, session_id: UUID, *events: Event, expected: int, actor: str = ACTOR
    ) -> None:
        """Append to a session in the caller's transaction."""
        new = [NewEvent(data=event, actor=actor) for event in events]
        await self.store.append(connection, session_stream(session_id), new, expected=expected)

    async def append_storage(self, connection: AsyncConnection, volume_id: str, event: Event) -> None:
        """Append to the stream of a volume in the caller's transaction."""
        stream = storage_stream(volume_id)
        version = await self.store.read_version(connection, stream)
        await self.store.append(connection, stream, [NewEvent(data=event, actor=ACTOR)], expected=version)
