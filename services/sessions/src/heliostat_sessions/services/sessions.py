"""Servers as their users see and command them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import uuid4

from heliostat_core.auth import HubUnavailableError, Principal
from heliostat_core.clients import PolicyClient
from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.policy import (
    AdmissionAction,
    AdmissionRequest,
    EffectivePolicyView,
    ServerFact,
)
from heliostat_core.contracts.sessions import NameCheckView, SessionState, SessionView
from heliostat_core.errors import NotFoundError
from heliostat_core.eventstore import StreamConflictError
from heliostat_core.work import WorkQueue

from ..domain.ledger import Session
from ..domain.names import is_well_formed
from ..domain.refusals import build_refusal
from ..domain.servers import HubServer, HubUser
from ..domain.views import SessionViews
from ..errors import (
    AdmissionRefusedError,
    HubRefusedError,
    ServerNameInvalidError,
    ServerNameTakenError,
    SessionBusyError,
    SessionExistsError,
)
from ..metrics import SessionsMetrics
from ..storage.host import Host
from ..storage.hub import HubClient
from ..storage.sessions import SessionStorage
from .deletion import WORK
from .forecasts import forecast_stops
from .ledger import SessionLedger
from .reconcile import Reconciler
from .runner import WorkRunner
from .spawning import SpawnService


class SessionService:
    """Lists, creates, starts, stops and deletes a user's servers.

    Parameters
    ----------
    host
        Says what it cannot limit.
    """

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        sessions: SessionStorage,
        policy: PolicyClient,
        hub: HubClient,
        spawns: SpawnService,
        reconciler: Reconciler,
        queue: WorkQueue,
        runner: WorkRunner,
        views: SessionViews,
        metrics: SessionsMetrics,
        host: Host,
    ) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._policy = policy
        self._hub = hub
        self._spawns = spawns
        self._reconciler = reconciler
        self._queue = queue
        self._runner = runner
        self._views = views
        self._metrics = metrics
        self._host = host

    async def list_of_user(self, user: str, *, state: SessionState | None = None) -> list[SessionView]:
        """List a user's servers; the ledger says what they are, the hub what they do."""
        sessions, servers = await asyncio.gather(self._list(user), self._read_servers(user))
        idle = await forecast_stops(self._policy, [each for each in sessions if _runs(each, servers)])
        views = [self._views.build(session, servers, idle.get(session.id)) for session in sessions]
        return [view for view in views if state is None or view.state is state]

    async def read(self, user: str, name: str) -> SessionView:
        """Read one server.

        Raises
        ------
        NotFoundError
            The user has none of that name.
        """
        session = await self._read(user, name)
        servers = await self._read_servers(user)
        idle = await forecast_stops(self._policy, [session] if _runs(session, servers) else [])
        return self._views.build(session, servers, idle.get(session.id))

    async def create(self, user: str, name: str, *, by: Principal) -> SessionView:
        """Create and start a plain server in the default environment.

        Raises
        ------
        ServerNameInvalidError, SessionExistsError, AdmissionRefusedError, HubRefusedError
            It may not be.
        """
        known = await self._read_user(user)
        await self._check_creation(known, name, sessions=await self._list(user))
        session_id = uuid4()
        created = kinds.SessionCreated(session_id=session_id, user=user, server_name=name, origin="api")
        try:
            async with self._ledger.transaction() as connection:
                await self._ledger.append_within(connection, session_id, created, expected=0, actor=by.name)
        except ServerNameTakenError as error:
            raise SessionExistsError(name=name) from error
        await self._spawns.start(user, name, options={})
        self._reconciler.schedule(user)
        return await self.read(user, name)

    async def check_name(self, user: str, name: str) -> NameCheckView:
        """Say whether a plain server of this name could be created now, in the words `create` would refuse with."""
        known = await self._read_user(user)
        sessions = await self._list(user)
        try:
            await self._check_creation(known, name, sessions=sessions, simulate=True)
        except (ServerNameInvalidError, SessionExistsError, AdmissionRefusedError) as error:
            repo = next((session.repo for session in sessions if session.server_name == name), None)
            return NameCheckView(
                name=name, allowed=False, code=error.code, message=error.message, remedy=error.remedy, repo=repo
            )
        return NameCheckView(name=name, allowed=True)

    async def read_policy(self, user: str) -> EffectivePolicyView:
        """Read the rules in force for a user, and what is left of them."""
        known = await self._read_user(user)
        return await self._policy.read_effective(user, groups=known.groups)

    async def start(self, user: str, name: str) -> SessionView:
        """Start a stopped server with what it had; one that runs is left as it is.

        Raises
        ------
        NotFoundError, SessionBusyError, AdmissionRefusedError, HubRefusedError
            It may not be.
        """
        session = await self._read(user, name)
        if session.deleting:
            raise SessionBusyError(name=name, doing="being deleted")
        known = await self._read_user(user)
        server = known.servers.get(name)
        if server is not None and server.pending not in {None, "spawn"}:
            raise SessionBusyError(name=name, doing="stopping")
        if server is None or not server.active:
            sessions = await self._list(user)
            await self._admit(AdmissionAction.START, known, name, sessions=sessions, session=session)
            await self._spawns.start(user, name, options=self._spawns.rebuild_options(session))
        self._reconciler.schedule(user)
        return await self.read(user, name)

    async def stop(self, user: str, name: str, *, by: Principal) -> SessionView:
        """Stop a server; one that is stopped is left as it is.

        Raises
        ------
        NotFoundError
            The user has none of that name.
        SessionBusyError
            It is starting; JupyterHub interrupts a start only by deleting the server.
        """
        session = await self._read(user, name)
        server = await self._hub.read_server(user, name)
        if server is not None and server.pending == "spawn":
            raise SessionBusyError(name=name, doing="starting")
        if server is not None and server.active and not session.deleting:
            await self._request_stop(session, by)
            await self._hub.stop(user, name)
        self._reconciler.schedule(user)
        return await self.read(user, name)

    async def delete(self, user: str, name: str, *, by: Principal) -> SessionView | None:
        """Delete a server with its storage; None when there is none (any more).

        Returns its view while that is under way: asking again does not begin again.
        """
        while True:
            session = await self._reconciler.find(user, name)
            if session is None:
                return None
            try:
                await self._request_deletion(session, by)
            except StreamConflictError:
                continue
            return self._views.build(session, None, None, state=SessionState.DELETING)

    async def _check_creation(
        self, user: HubUser, name: str, *, sessions: Sequence[Session], simulate: bool = False
    ) -> None:
        if name and not is_well_formed(name):
            raise ServerNameInvalidError(name=name)
        if any(session.server_name == name for session in sessions) or (name and name in user.servers):
            raise SessionExistsError(name=name)
        await self._admit(AdmissionAction.CREATE, user, name, sessions=sessions, session=None, simulate=simulate)

    async def _request_deletion(self, session: Session, by: Principal) -> None:
        async with self._ledger.transaction() as connection:
            if not session.deleting:
                asked = kinds.SessionDeleteRequested(session_id=session.id)
                await self._ledger.append_within(connection, session.id, asked, expected=session.version, actor=by.name)
            lease = await self._queue.add_held(connection, kind=WORK, key=str(session.id))
        if lease is not None:
            self._runner.start(lease)

    async def _request_stop(self, session: Session, by: Principal) -> None:
        reason: Literal["user", "admin"] = "user" if by.name == session.user else "admin"
        asked = kinds.SessionStopRequested(session_id=session.id, reason=reason, decision_id=None)
        current: Session | None = session
        while current is not None:
            try:
                await self._ledger.append(current, asked, actor=by.name)
            except StreamConflictError:
                async with self._ledger.statements() as connection:
                    current = await self._sessions.read(connection, session.id)
                continue
            self._metrics.stops.labels(reason).inc()
            return

    async def _admit(
        self,
        action: AdmissionAction,
        user: HubUser,
        name: str,
        *,
        sessions: Sequence[Session],
        session: Session | None,
        simulate: bool = False,
    ) -> None:
        admission = await self._policy.admit(
            AdmissionRequest(
                action=action,
                user=user.name,
                groups=list(user.groups),
                server_name=name,
                repository=session.repo if session else None,
                session_id=session.id if session else None,
                servers=[ServerFact(name=server.name, active=server.active) for server in user.servers.values()],
                unenforced=list(await self._host.list_unenforced()),
                simulate=simulate,
            )
        )
        if not admission.allowed:
            view = build_refusal(admission, servers=user.servers, sessions=sessions, api=self._views.api)
            raise AdmissionRefusedError(view=view)

    async def _read(self, user: str, name: str) -> Session:
        session = await self._reconciler.find(user, name)
        if session is None:
            raise NotFoundError(what="session", key=name)
        return session

    async def _list(self, user: str) -> list[Session]:
        async with self._ledger.statements() as connection:
            return await self._sessions.list_of_user(connection, user)

    async def _read_user(self, user: str) -> HubUser:
        known = await self._hub.read_user(user)
        if known is None:
            raise NotFoundError(what="user", key=user)
        return known

    async def _read_servers(self, user: str) -> Mapping[str, HubServer] | None:
        """Read what the hub says of a user's servers; None when it says nothing."""
        try:
            known = await self._hub.read_user(user)
        except (HubUnavailableError, HubRefusedError):
            return None
        return known.servers if known is not None else {}


def _runs(session: Session, servers: Mapping[str, HubServer] | None) -> bool:
    server = servers.get(session.server_name) if servers is not None else None
    return server is not None and server.ready
