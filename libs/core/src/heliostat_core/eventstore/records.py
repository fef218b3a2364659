"""What goes into the log and what comes out of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from ..contracts.events import Event
from ..ids import StreamId


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event about to be appended, with who caused it and what it belongs to."""

    data: Event
    actor: str
    correlation_id: UUID | None = None
    causation_id: int | None = None


@dataclass(frozen=True, slots=True)
class Append:
    """Events for one stream that is expected to be at a version."""

    stream: StreamId
    events: Sequence[NewEvent]
    expected: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the log. Orders by transaction first: see `EventStore.read_log`."""

    xid: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in the log."""

    cursor: Cursor
    stream: StreamId
    version: int
    time: datetime
    actor: str
    correlation_id: UUID | None
    causation_id: int | None
    data: Event


class Projection(Protocol):
    """A read model: a pure function of the log, kept by the service that appends the events.

    A row belongs to one stream, so that the order between streams does not matter and a rebuild comes out equal.
    """

    @property
    def tables(self) -> Sequence[Table]:
        """What it writes, and nothing else does."""

    async def apply(self, connection: AsyncConnection, event: Recorded) -> None:
        """Bring the read model forward by one event; events of other kinds are none of its business."""


@runtime_checkable
class BulkProjection(Projection, Protocol):
    """A read model that takes many events in one statement, for those that are appended by the thousand."""

    async def apply_all(self, connection: AsyncConnection, events: Sequence[Recorded]) -> None:
        """Bring the read model forward by several events, in their order."""
