"""Working together: a server's owner gives others access to it, sees who has it, and takes it back.

Access itself is the hub's (JupyterHub shares): it is granted and revoked there with the token of whoever asks, and read
from there, so what is done at the hub's own API is seen here too. Policy is asked before every grant, and its recorded
decision is the intent; inside the hub the plugin asks policy once more, for those who come another way.
"""

from heliostat_core.auth import Principal
from heliostat_core.clients import PolicyClient
from heliostat_core.contracts.events import Event, SessionShared, SessionUnshared
from heliostat_core.contracts.policy import AdmissionAction, AdmissionRequest, AdmissionView
from heliostat_core.contracts.sessions import SharedServerView, ShareView
from heliostat_core.errors import NotFoundError
from heliostat_core.eventstore import StreamConflictError

from ..domain.ledger import Session
from ..domain.refusals import build_refusal
from ..domain.shares import Guest, Share
from ..domain.urls import build_server_path
from ..errors import AdmissionRefusedError, GuestIsOwnerError, SessionBusyError
from ..storage.hub_shares import HubShareClient
from ..storage.sessions import SessionStorage
from .ledger import SessionLedger
from .reconcile import Reconciler


class SharingService:
    """Shares servers.

    Parameters
    ----------
    public
        Public URL of the hub, without a slash at the end.
    api
        Public URL of this service's API, with a slash at the end.
    """

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        sessions: SessionStorage,
        policy: PolicyClient,
        shares: HubShareClient,
        reconciler: Reconciler,
        public: str,
        api: str,
    ) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._policy = policy
        self._shares = shares
        self._reconciler = reconciler
        self._public = public
        self._api = api

    async def list_of_server(self, owner: str, name: str, *, token: str) -> list[ShareView]:
        """List who may use a server, in the order in which they got access.

        Raises
        ------
        NotFoundError
            The owner has none of that name.
        """
        await self._read(owner, name)
        return [share.to_view() for share in await self._shares.list_of_server(owner, name, token=token)]

    async def list_with(self, caller: Principal, *, token: str) -> list[SharedServerView]:
        """List the servers others share with the caller; one shared in several ways is there once."""
        shares = await self._shares.list_with_user(caller.name, token=token)
        servers = {(share.owner, share.server_name): share for share in reversed(shares) if share.owner != caller.name}
        async with self._ledger.statements() as connection:
            sessions = await self._sessions.list_of_users(connection, sorted({owner for owner, _ in servers}))
        known = {(session.user, session.server_name): session for session in sessions}
        return [self._build_view(share, known.get(key)) for key, share in sorted(servers.items())]

    async def share(self, name: str, guest: Guest, *, by: Principal, token: str) -> ShareView:
        """Give a guest access to a server of the caller.

        Raises
        ------
        NotFoundError, SessionBusyError, GuestIsOwnerError, GuestUnknownError, AdmissionRefusedError,
        ShareScopeMissingError
            It may not be.
        """
        session = await self._read(by.name, name)
        if session.deleting:
            raise SessionBusyError(name=name, doing="being deleted")
        if guest == Guest("user", by.name):
            raise GuestIsOwnerError
        admission = await self._admit(session, guest, by)
        share = await self._shares.grant(by.name, name, guest, token=token)
        shared = SessionShared(
            session_id=session.id, user=guest.user, group=guest.group, decision_id=admission.decision_id
        )
        await self._record(session, shared, by)
        return share.to_view()

    async def revoke(self, owner: str, name: str, guest: Guest | None, *, by: Principal, token: str) -> None:
        """Take access back from a guest, or from all. Who has it open loses it within the hub's cache time.

        Raises
        ------
        NotFoundError
            The owner has no server of that name.
        """
        session = await self._read(owner, name)
        await self._shares.revoke(owner, name, guest, token=token)
        user, group = (guest.user, guest.group) if guest else (None, None)
        await self._record(session, SessionUnshared(session_id=session.id, user=user, group=group), by)

    async def revoke_before_deletion(self, owner: str, name: str, *, by: Principal, token: str) -> None:
        """Take everybody's access to a default server back: the hub drops shares with a record, and keeps this one.

        Raises
        ------
        ShareScopeMissingError, HubUnavailableError
            It cannot be done, and the next default server would be shared with whom this one was.
        """
        if name:
            return
        try:
            if await self.list_of_server(owner, name, token=token):
                await self.revoke(owner, name, None, by=by, token=token)
        except NotFoundError:
            return

    async def _admit(self, session: Session, guest: Guest, by: Principal) -> AdmissionView:
        admission = await self._policy.admit(
            AdmissionRequest(
                action=AdmissionAction.SHARE,
                user=by.name,
                groups=list(by.groups),
                server_name=session.server_name,
                repository=session.repo,
                session_id=session.id,
                share_with=f"{guest.kind} {guest.name}",
            )
        )
        if not admission.allowed:
            raise AdmissionRefusedError(view=build_refusal(admission, servers={}, sessions=(), api=self._api))
        return admission

    async def _record(self, session: Session, event: Event, by: Principal) -> None:
        current: Session | None = session
        while current is not None:
            try:
                await self._ledger.append(current, event, actor=by.name)
            except StreamConflictError:
                async with self._ledger.statements() as connection:
                    current = await self._sessions.read(connection, session.id)
                continue
            return

    async def _read(self, owner: str, name: str) -> Session:
        session = await self._reconciler.find(owner, name)
        if session is None:
            raise NotFoundError(what="session", key=name)
        return session

    def _build_view(self, share: Share, session: Session | None) -> SharedServerView:
        path = build_server_path(user=share.owner, name=share.server_name)
        return SharedServerView(
            owner=share.owner,
            name=share.server_name,
            ready=share.ready,
            url=f"{self._public}{path}",
            repo=session.repo if session else None,
            commit=session.commit if session else None,
            shared_with=share.to_view(),
        )
