"""Reports of activity from servers."""

from datetime import UTC, datetime

from heliostat_core.contracts.events import SessionActivityObserved
from heliostat_core.contracts.sessions import ActivityReport, ActivitySource
from heliostat_core.eventstore import StreamConflictError

from ..domain.activity import find_last_activity, is_notable
from ..domain.ledger import Session
from ..storage.sessions import SessionStorage
from .ledger import SessionLedger
from .reconcile import Reconciler


class ActivityService:
    """Keeps what servers say about themselves."""

    def __init__(self, *, ledger: SessionLedger, sessions: SessionStorage, reconciler: Reconciler) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._reconciler = reconciler

    async def report(self, report: ActivityReport, *, user: str, name: str) -> None:
        """Keep a report of one server. One we do not know runs already has us look at the hub."""
        now = datetime.now(UTC)
        last_activity, source = find_last_activity(report, now=now)
        async with self._ledger.transaction() as connection:
            session = await self._sessions.find(connection, user=user, name=name)
            if session is not None:
                await self._sessions.observe(
                    connection, session.id, last_activity=last_activity, source=source, observed_at=now
                )
        if session is None or not session.running:
            self._reconciler.schedule(user)
            return
        if is_notable(session, last_activity, source):
            await self._record(session, last_activity, source, now)

    async def _record(self, session: Session, last_activity: datetime, source: ActivitySource, now: datetime) -> None:
        observed = SessionActivityObserved(
            session_id=session.id, last_activity=last_activity, source=source, observed_at=now
        )
        try:
            await self._ledger.append(session, observed)
        except StreamConflictError:
            return  # something else happened to the session; the next report comes soon
