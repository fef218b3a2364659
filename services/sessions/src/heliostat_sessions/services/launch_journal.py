"""What a launch leaves behind: its events, with those of the session it chooses, and a count of its end."""

from uuid import UUID

import structlog
from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.events import Event
from heliostat_core.eventstore import EventStore, GroupedAppends, NewEvent
from heliostat_core.ids import launch_stream, session_stream
from heliostat_core.wakeups import Wakeups
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.choice import Choice
from ..domain.launch import Launch, build_launch
from ..domain.outcomes import Outcome
from ..metrics import SessionsMetrics

ACTOR = "sessions"


class LaunchJournal:
    """Records launches.

    Parameters
    ----------
    store
        The log.
    appends
        For events that come alone, which are most.
    wakeups
        Told of what is new.
    metrics
        Counts how launches end.
    """

    def __init__(
        self, *, store: EventStore, appends: GroupedAppends, wakeups: Wakeups, metrics: SessionsMetrics
    ) -> None:
        self._store = store
        self._appends = appends
        self._wakeups = wakeups
        self._metrics = metrics
        self._log = structlog.get_logger()

    def count(self, launch: Launch, *, phase: str, outcome: Outcome) -> Launch:
        """Count a launch that has ended, and return it."""
        plan = launch.planned.decision.value
        self._metrics.launches.labels(phase, outcome, plan).inc()
        if launch.finished_at is not None:
            duration = launch.finished_at - launch.created_at
            self._metrics.launch_duration.labels(outcome, plan).observe(duration.total_seconds())
        self._log.info("launch ended", launch=str(launch.id), state=launch.state.value, phase=phase, outcome=outcome)
        return launch

    async def append(
        self, launch: Launch, *events: Event, choice: Choice | None = None, session_id: UUID | None = None
    ) -> Launch:
        """Append to the launch's stream, and to the session's what the choice of it changes there."""
        new = [NewEvent(data=event, actor=ACTOR, correlation_id=launch.id) for event in events]
        stream = launch_stream(launch.id)
        if choice is None or session_id is None:
            recorded = await self._appends.append(stream, new, expected=launch.version)
        else:
            async with self._store.database.transaction() as connection:
                await self._record_choice(connection, launch, choice, session_id)
                recorded = await self._store.append(connection, stream, new, expected=launch.version)
        self._wakeups.announce(f"stream:launch-{launch.id}")
        for event in recorded:
            launch = launch.apply(event)
        return launch

    async def _record_choice(
        self, connection: AsyncConnection, launch: Launch, choice: Choice, session_id: UUID
    ) -> None:
        request, plan, session = launch.requested, launch.planned, choice.session
        events: list[Event] = []
        if session is None:
            events.append(
                kinds.SessionCreated(session_id=session_id, user=request.user, server_name=choice.name, origin="launch")
            )
        if choice.changes(plan):
            events.append(
                kinds.SessionAssigned(
                    session_id=session_id,
                    launch_id=launch.id,
                    repo=plan.repo,
                    ref=plan.ref,
                    commit=plan.commit,
                    environment_id=plan.environment_id,
                    content_id=plan.content_id,
                    image=plan.image,
                    path=request.path,
                )
            )
        if events:
            new = [NewEvent(data=event, actor=ACTOR, correlation_id=launch.id) for event in events]
            expected = session.version if session else 0
            await self._store.append(connection, session_stream(session_id), new, expected=expected)

    async def load(self, launch_id: UUID) -> Launch:
        """Read a launch from its stream."""
        async with self._store.database.statements() as connection:
            return build_launch(await self._store.read_stream(connection, launch_stream(launch_id)))
