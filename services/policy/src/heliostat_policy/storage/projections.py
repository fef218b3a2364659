"""The read models: pure functions of the log."""

from collections.abc import Sequence
from typing import Any

from heliostat_core.contracts.events import (
    DecisionMade,
    PolicyChanged,
    SessionCreated,
    SessionDeleted,
    SessionStarted,
    SessionStopped,
)
from heliostat_core.eventstore import Recorded
from heliostat_core.schema import decisions, policies, usage
from sqlalchemy import Table, delete, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection


class PolicyProjection:
    """Keeps `policies`: one row per version."""

    tables: Sequence[Table] = (policies,)

    async def apply(self, connection: AsyncConnection, event: Recorded) -> None:
        """Add a version."""
        if not isinstance(event.data, PolicyChanged):
            return
        values = event.data.model_dump(exclude={"kind"}) | {"changed_at": event.time, "changed_by": event.actor}
        await connection.execute(insert(policies).values(values))


class DecisionProjection:
    """Keeps `decisions`: one row per decision."""

    tables: Sequence[Table] = (decisions,)

    async def apply(self, connection: AsyncConnection, event: Recorded) -> None:
        """Add a decision."""
        await self.apply_all(connection, [event])

    async def apply_all(self, connection: AsyncConnection, events: Sequence[Recorded]) -> None:
        """Add many decisions in one round trip."""
        rows = [_decision_row(event, event.data) for event in events if isinstance(event.data, DecisionMade)]
        if rows:
            await connection.execute(insert(decisions), rows)


class UsageProjection:
    """Keeps `usage`: one row per server that exists. Applying an event again changes nothing."""

    tables: Sequence[Table] = (usage,)

    async def apply(self, connection: AsyncConnection, event: Recorded) -> None:
        """Follow one server from its creation to its deletion."""
        match event.data:
            case SessionCreated(session_id=session_id, user=user, server_name=name):
                row = {"session_id": session_id, "user": user, "server_name": name, "active": False}
                await connection.execute(upsert(usage).values(row).on_conflict_do_nothing())
            case SessionStarted(session_id=session_id):
                await self._set(connection, session_id, active=True)
            case SessionStopped(session_id=session_id):
                await self._set(connection, session_id, active=False)
            case SessionDeleted(session_id=session_id):
                await connection.execute(delete(usage).where(usage.c.session_id == session_id))
            case _:
                pass

    @staticmethod
    async def _set(connection: AsyncConnection, session_id: object, *, active: bool) -> None:
        await connection.execute(update(usage).where(usage.c.session_id == session_id).values(active=active))


def _decision_row(event: Recorded, decision: DecisionMade) -> dict[str, Any]:
    row = decision.model_dump(exclude={"kind", "decision_id"})
    return row | {"id": decision.decision_id, "time": event.time}
