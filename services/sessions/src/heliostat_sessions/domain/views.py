"""What callers see of a session."""

from collections.abc import Mapping

from heliostat_core.contracts.policy import IdleDecision
from heliostat_core.contracts.sessions import IdleView, SessionLinks, SessionState, SessionView, StorageView

from .ledger import Session
from .servers import HubServer
from .urls import build_server_path, to_segment


class SessionViews:
    """Builds views of sessions with absolute links.

    Parameters
    ----------
    public
        Public URL of the hub, without a slash at the end.
    base
        Public URL of this service, with a slash at the end.
    api
        Public URL of this service's API, with a slash at the end.
    """

    def __init__(self, *, public: str, base: str, api: str) -> None:
        self.api = api
        self._public = public
        self._base = base

    def build(
        self,
        session: Session,
        servers: Mapping[str, HubServer] | None,
        idle: IdleDecision | None,
        *,
        state: SessionState | None = None,
    ) -> SessionView:
        """Build one view; ``servers`` is None when the hub says nothing, and then nobody knows what a server does."""
        links = self._build_links(session)
        return SessionView(
            id=session.id,
            user=session.user,
            name=session.server_name,
            state=state or _find_state(session, servers),
            repo=session.repo,
            ref=session.ref,
            commit=session.commit,
            environment_id=session.environment_id,
            launch_id=session.launch_id,
            started_at=session.started_at,
            last_activity=session.last_activity,
            activity_source=session.activity_source,
            idle=IdleView(stop_at=idle.stop_at, rule=idle.rule, reason=idle.reason) if idle else None,
            limits=list(session.enforcement),
            storage=_build_storage(session),
            url=links.server,
            links=links,
        )

    def _build_links(self, session: Session) -> SessionLinks:
        own = f"{self.api}sessions/{to_segment(session.server_name)}"
        return SessionLinks(
            self=own,
            start=f"{own}/start",
            stop=f"{own}/stop",
            server=f"{self._public}{build_server_path(user=session.user, name=session.server_name)}",
            decisions=f"{self._public}/services/policy/api/v1/decisions?session={session.id}",
            source=session.ref_url,
            launch=f"{self._base}launches/{session.launch_id}" if session.launch_id else None,
            relaunch=f"{self._base}v2/{session.spec}?new=true" if session.spec else None,
        )


def _find_state(session: Session, servers: Mapping[str, HubServer] | None) -> SessionState:
    if session.deleting:
        return SessionState.DELETING
    if servers is None:
        return SessionState.UNKNOWN
    server = servers.get(session.server_name)
    return server.state if server is not None else SessionState.STOPPED


def _build_storage(session: Session) -> StorageView:
    volume = session.volume
    if volume is None:
        return StorageView(volume_id=None, limit=None, used=None, measured_at=None)
    return StorageView(volume_id=volume.id, limit=volume.limit, used=volume.used, measured_at=volume.measured_at)
