"""Recorded decisions: one stream each, and the table they are read from."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from heliostat_core.contracts.events import DecisionMade
from heliostat_core.contracts.policy import DecisionView
from heliostat_core.eventstore import EventStore, NewEvent
from heliostat_core.ids import decision_stream
from heliostat_core.schema import decisions
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.records import DecisionFilter


class DecisionStorage:
    """Records and reads decisions.

    Parameters
    ----------
    store
        The log, with the projection of decisions.
    """

    def __init__(self, *, store: EventStore) -> None:
        self._store = store

    async def append(
        self, connection: AsyncConnection, made: Sequence[DecisionMade], *, by: str, correlation_id: UUID | None = None
    ) -> None:
        """Record decisions in one statement each for log and table; those whose id is recorded already are left."""
        if not made:
            return
        events = {
            decision_stream(decision.decision_id): NewEvent(data=decision, actor=by, correlation_id=correlation_id)
            for decision in made
        }
        await self._store.append_first(connection, events)

    async def read(self, connection: AsyncConnection, decision_id: UUID) -> DecisionView | None:
        """Read one decision."""
        row = (await connection.execute(select(decisions).where(decisions.c.id == decision_id))).one_or_none()
        return None if row is None else _to_view(row)

    async def list(self, connection: AsyncConnection, wanted: DecisionFilter) -> Sequence[DecisionView]:
        """List decisions, newest first."""
        statement = select(decisions).order_by(decisions.c.time.desc(), decisions.c.id).limit(wanted.limit)
        if wanted.user is not None:
            statement = statement.where(decisions.c.user == wanted.user)
        if wanted.session_id is not None:
            statement = statement.where(decisions.c.session_id == wanted.session_id)
        if wanted.server_name is not None:
            statement = statement.where(decisions.c.server_name == wanted.server_name)
        return [_to_view(row) for row in await connection.execute(statement)]


def _to_view(row: Row[tuple[Any, ...]]) -> DecisionView:
    return DecisionView.model_validate(row, from_attributes=True)
