"""The builder's read models: pure functions of the log."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from heliostat_core.contracts.builds import BuildState
from heliostat_core.contracts.events import (
    BuildCancelled,
    BuildFailed,
    BuildFinished,
    BuildInterrupted,
    BuildJoined,
    BuildRequested,
    BuildStarted,
    EnvironmentCreated,
    EnvironmentPinned,
    EnvironmentRetired,
    EnvironmentUnpinned,
)
from heliostat_core.eventstore import Recorded
from heliostat_core.schema import builds, environments
from sqlalchemy import Table, func, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection


class BuildProjection:
    """Keeps `builds`: one row per build."""

    tables: Sequence[Table] = (builds,)

    async def apply(self, connection: AsyncConnection, event: Recorded) -> None:
        """Follow one build from its request to its end."""
        match event.data:
            case BuildRequested() as data:
                await connection.execute(insert(builds).values(_build_row(event, data)))
            case BuildJoined(build_id=build_id, requested_by=user):
                await _set(connection, build_id, requesters=func.array_append(builds.c.requesters, user))
            case BuildStarted(build_id=build_id, attempt=attempt):
                started = func.coalesce(builds.c.started_at, event.time)
                await _set(connection, build_id, state=BuildState.RUNNING, attempt=attempt, started_at=started)
            case BuildInterrupted(build_id=build_id):
                await _set(connection, build_id, state=BuildState.QUEUED)
            case BuildFinished(build_id=build_id, image=image):
                await _set(connection, build_id, state=BuildState.SUCCEEDED, finished_at=event.time, image=image)
            case BuildFailed(build_id=build_id, error=error):
                failure = error.model_dump(mode="json")
                await _set(connection, build_id, state=BuildState.FAILED, finished_at=event.time, failure=failure)
            case BuildCancelled(build_id=build_id):
                await _set(connection, build_id, state=BuildState.CANCELLED, finished_at=event.time)
            case _:
                pass


class EnvironmentProjection:
    """Keeps `environments`: one row per environment there is or was."""

    tables: Sequence[Table] = (environments,)

    async def apply(self, connection: AsyncConnection, event: Recorded) -> None:
        """Follow one environment; it can be made again after it was retired."""
        match event.data:
            case EnvironmentCreated() as data:
                values: dict[str, Any] = data.model_dump(exclude={"kind", "environment_id"})
                values |= {"created_at": event.time, "retired_at": None}
                statement = upsert(environments).values(id=data.environment_id, **values)
                await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
            case EnvironmentRetired(environment_id=environment_id):
                retire = update(environments).where(environments.c.id == environment_id)
                await connection.execute(retire.values(retired_at=event.time))
            case EnvironmentPinned(environment_id=environment_id, pinned_by=user):
                pin = update(environments).where(environments.c.id == environment_id)
                await connection.execute(pin.values(pinned_by=user, pinned_at=event.time))
            case EnvironmentUnpinned(environment_id=environment_id):
                unpin = update(environments).where(environments.c.id == environment_id)
                await connection.execute(unpin.values(pinned_by=None, pinned_at=None))
            case _:
                pass


def _build_row(event: Recorded, data: BuildRequested) -> dict[str, Any]:
    return {
        "id": data.build_id,
        "image_id": data.plan.image_id,
        "state": BuildState.QUEUED,
        "repo": data.plan.repo,
        "plan": data.plan.model_dump(mode="json"),
        "requested_by": data.requested_by,
        "requesters": [data.requested_by],
        "created_at": event.time,
    }


async def _set(connection: AsyncConnection, build_id: UUID, **values: Any) -> None:
    await connection.execute(update(builds).where(builds.c.id == build_id).values(**values))
