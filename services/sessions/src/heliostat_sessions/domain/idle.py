"""What policy is told about a running server."""

from datetime import timedelta

from heliostat_core.contracts.policy import IdleFacts

from .ledger import Session
from .servers import HubServer

_SAME = timedelta(seconds=1)
"""Two readings of one start differ by no more."""


def build_facts(session: Session, *, running: bool | None = None) -> IdleFacts:
    """Build the facts of one server."""
    return IdleFacts(
        session_id=session.id,
        user=session.user,
        groups=list(session.groups),
        server_name=session.server_name,
        repository=session.repo,
        running=session.running if running is None else running,
        started_at=session.started_at,
        last_activity=session.last_activity,
        activity_source=session.activity_source,
        observed_at=session.observed_at,
    )


def is_still_idle(judged: Session, now: Session | None, server: HubServer | None) -> bool:
    """Whether what was judged idle is still there: the same start, running, and with no newer activity."""
    if now is None or not now.running or now.version != judged.version:
        return False
    if server is None or not server.ready or server.pending is not None:
        return False
    if server.started is None or now.started_at is None or abs(server.started - now.started_at) > _SAME:
        return False
    if now.activity_source == "hub" and (server.last_activity is None or judged.last_activity is None):
        return False
    if now.activity_source == "hub" and server.last_activity > judged.last_activity:  # type: ignore[operator]
        return False
    return now.last_activity == judged.last_activity
