"""Stopping servers that nobody uses: policy judges, and nothing is stopped on missing or old data."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from heliostat_core.clients import PolicyClient
from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.policy import IdleDecision, IdleRequest
from heliostat_core.eventstore import StreamConflictError

from ..domain.idle import build_facts, is_still_idle
from ..domain.ledger import Session
from ..errors import HubRefusedError
from ..metrics import SessionsMetrics
from ..storage.hub import HubClient
from ..storage.sessions import SessionStorage
from .ledger import SessionLedger
from .reconcile import Reconciler

_BATCH = 1000
_BATCHES = 2
"""One is read and written here while policy judges the other."""

_AT_ONCE = 10
"""Servers stopped side by side: a hub takes seconds for one, and most of these it waits."""


class IdleService:
    """Sweeps.

    Parameters
    ----------
    freshness
        A server that was last heard of longer ago is left alone: its activity since then is unknown.
    """

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        sessions: SessionStorage,
        policy: PolicyClient,
        hub: HubClient,
        reconciler: Reconciler,
        metrics: SessionsMetrics,
        freshness: timedelta,
    ) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._policy = policy
        self._hub = hub
        self._reconciler = reconciler
        self._metrics = metrics
        self._freshness = freshness
        self._log = structlog.get_logger()

    async def sweep(self) -> None:
        """Ask policy about all running servers and carry out what it says. A background job of one replica."""
        batches, stops = asyncio.Semaphore(_BATCHES), asyncio.Semaphore(_AT_ONCE)
        after: UUID | None = None
        try:
            with self._metrics.sweep_duration.time():
                async with asyncio.TaskGroup() as group:
                    while batch := await self._list_batch(after):
                        after = batch[-1].id
                        await batches.acquire()
                        judging = group.create_task(self._judge(batch, stops), name=f"judge sessions up to {after}")
                        judging.add_done_callback(lambda _: batches.release())
        except ExceptionGroup as failed:
            raise find_first(failed) from failed  # the hub or the database is away: the next sweep goes on

    async def _list_batch(self, after: UUID | None) -> list[Session]:
        since = datetime.now(UTC) - self._freshness
        async with self._ledger.statements() as connection:
            return await self._sessions.list_running(connection, fresh_since=since, after=after, most=_BATCH)

    async def _judge(self, batch: list[Session], stops: asyncio.Semaphore) -> None:
        answer = await self._policy.judge_idle(IdleRequest(sessions=[build_facts(session) for session in batch]))
        by_id = {session.id: session for session in batch}
        async with asyncio.TaskGroup() as group:
            for decision in answer.decisions:
                self._metrics.verdicts.labels(decision.verdict).inc()
                session = by_id.get(decision.session_id)
                if session is not None and decision.verdict in {"warn", "stop"}:
                    name = f"{decision.verdict} session {session.id}"
                    group.create_task(self._carry_out(session, decision, stops), name=name)

    async def _carry_out(self, session: Session, decision: IdleDecision, turns: asyncio.Semaphore) -> None:
        async with turns:
            try:
                if decision.verdict == "warn":
                    await self._warn(session, decision)
                else:
                    await self._stop(session, decision)
            except StreamConflictError:
                self._metrics.verdicts.labels("changed").inc()

    async def _warn(self, session: Session, decision: IdleDecision) -> None:
        if session.warned_at is not None or decision.stop_at is None:
            return
        warned = kinds.SessionIdleWarned(
            session_id=session.id, decision_id=decision.decision_id, stop_at=decision.stop_at
        )
        await self._ledger.append(session, warned)

    async def _stop(self, judged: Session, decision: IdleDecision) -> None:
        """Look once more at this one server, and stop it if nothing has changed since it was judged."""
        server = await self._hub.read_server(judged.user, judged.server_name)
        async with self._ledger.statements() as connection:
            now = await self._sessions.read(connection, judged.id)
        if not is_still_idle(judged, now, server):
            self._metrics.verdicts.labels("changed").inc()
            return
        asked = kinds.SessionStopRequested(session_id=judged.id, reason="idle", decision_id=decision.decision_id)
        await self._ledger.append(judged, asked)
        self._metrics.stops.labels("idle").inc()
        self._log.info("stopping an idle server", session=str(judged.id), decision=str(decision.decision_id))
        try:
            await self._hub.stop(judged.user, judged.server_name)
        except HubRefusedError as error:
            self._log.warning("the hub did not stop a server", session=str(judged.id), status=error.hub_status)
        self._reconciler.schedule(judged.user)


def find_first(failed: ExceptionGroup[Exception]) -> Exception:
    """Find the first error of tasks that may have had tasks of their own."""
    first = failed.exceptions[0]
    return find_first(first) if isinstance(first, ExceptionGroup) else first
