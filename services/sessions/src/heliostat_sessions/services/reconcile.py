"""Bringing the ledger in step with the hub: what was started, stopped, made or deleted behind our back.

Nothing is concluded from an answer that did not come, and a deletion only from a second look at the one server.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import structlog
from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.events import Event
from heliostat_core.contracts.sessions import SessionState
from heliostat_core.errors import HeliostatError
from heliostat_core.eventstore import StreamConflictError

from ..domain.activity import is_notable
from ..domain.ledger import Session
from ..domain.servers import HubServer, HubUser
from ..errors import ServerNameTakenError
from ..metrics import SessionsMetrics
from ..storage.host import Host
from ..storage.hub import HubClient
from ..storage.launches import LaunchStorage
from ..storage.sessions import SessionStorage
from .ledger import SessionLedger
from .volumes import VolumeService

_MAKING = timedelta(seconds=60)
"""A session this young may still be on its way to the hub."""

_SETTLING = timedelta(seconds=0.5)
_MOST_FOLLOW_UPS = 60
_SAME = timedelta(seconds=1)
_HUB_REFRESH = timedelta(seconds=30)
_HUB_GAP = timedelta(minutes=1)
"""A longer pause between looks is an outage: afterwards the hub's activity is old until servers report."""


class Reconciler:
    """Compares ledger and hub.

    Parameters
    ----------
    patience
        After this long without a report of a server, and of the hub being there, the hub's last activity counts.
    """

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        sessions: SessionStorage,
        launches: LaunchStorage,
        hub: HubClient,
        host: Host,
        volumes: VolumeService,
        metrics: SessionsMetrics,
        patience: timedelta,
    ) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._launches = launches
        self._hub = hub
        self._host = host
        self._volumes = volumes
        self._metrics = metrics
        self._patience = patience
        self._asked: dict[str, int] = {}
        self._wanted = asyncio.Event()
        self._hub_seen: datetime | None = None
        self._hub_since: datetime | None = None
        self._log = structlog.get_logger()

    def schedule(self, user: str) -> None:
        """Have a user's servers looked at soon, and again until none of them is in between two states."""
        self._asked[user] = _MOST_FOLLOW_UPS
        self._wanted.set()

    async def follow_requests(self) -> None:
        """Look at the users that were scheduled, for ever. A background job."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            asked, self._asked = self._asked, {}
            for user, left in asked.items():
                try:
                    settled = await self.reconcile_user(user)
                except HeliostatError as error:
                    self._log.info("a user's servers cannot be looked at now", error=error.code)
                    settled = False
                if not settled and left > 1:
                    self._asked.setdefault(user, left - 1)
            if self._asked:
                await asyncio.sleep(_SETTLING.total_seconds())
                self._wanted.set()

    async def reconcile(self) -> None:
        """Look at all users of the hub, page by page. A background job of one replica at a time."""
        async with self._ledger.statements() as connection:
            left = await self._sessions.list_users(connection)
        async for page in self._hub.list_users():
            self._note_hub()
            await self._reconcile_page({user.name: user for user in page})
            left -= {user.name for user in page}
        for name in left:  # users the hub does not list any more, unless they came while we paged
            await self.reconcile_user(name)

    async def find(self, user: str, name: str) -> Session | None:
        """Find the session of a server; one that was made at the hub a moment ago is recorded first.

        Raises
        ------
        HubUnavailableError
            There is no session, and the hub does not say whether there is a server.
        """
        session = await self._find_recorded(user, name)
        if session is not None:
            return session
        known = await self._hub.read_user(user)
        server = known.servers.get(name) if known else None
        if known is None or server is None or not _is_made(server):
            return None
        await self._discover(known, server)
        return await self._find_recorded(user, name)

    async def reconcile_user(self, name: str) -> bool:
        """Look at one user's servers and return whether none of them is in between two states."""
        known = await self._hub.read_user(name)
        user = known or HubUser(name=name, groups=(), servers={}, created=datetime.now(UTC))
        await self._reconcile_page({name: user})
        return all(server.pending is None for server in user.servers.values())

    def _note_hub(self) -> None:
        now = datetime.now(UTC)
        if self._hub_seen is None or now - self._hub_seen > _HUB_GAP:
            self._hub_since = now
        self._hub_seen = now

    async def _reconcile_page(self, users: Mapping[str, HubUser]) -> None:
        async with self._ledger.statements() as connection:
            sessions = await self._sessions.list_of_users(connection, list(users))
            busy = await self._launches.list_busy(connection)
        known = {(session.user, session.server_name): session for session in sessions}
        for session in sessions:
            server = users[session.user].servers.get(session.server_name)
            try:
                if server is None:
                    await self._consider_deletion(session, busy, users[session.user])
                else:
                    await self._compare(session, server, users[session.user])
            except (StreamConflictError, ServerNameTakenError):
                continue  # somebody else saw it first, or it changed; the next look will tell
        for user in users.values():
            for server in user.servers.values():
                if (user.name, server.name) not in known and _is_made(server):
                    await self._discover(user, server)

    async def _find_recorded(self, user: str, name: str) -> Session | None:
        async with self._ledger.statements() as connection:
            return await self._sessions.find(connection, user=user, name=name)

    async def _discover(self, user: HubUser, server: HubServer) -> None:
        """Record a server that was made at the hub's page."""
        session_id = uuid4()
        created = kinds.SessionCreated(session_id=session_id, user=user.name, server_name=server.name, origin="hub")
        try:
            async with self._ledger.transaction() as connection:
                await self._ledger.append_within(connection, session_id, created, expected=0)
                session = await self._sessions.read(connection, session_id)
        except ServerNameTakenError:
            return
        self._note("created", session_id)
        if session is not None:
            with suppress(StreamConflictError):  # somebody else has begun with it; the next look will tell
                await self._compare(session, server, user)

    async def _compare(self, session: Session, server: HubServer, user: HubUser) -> None:
        if session.groups != user.groups:
            async with self._ledger.statements() as connection:
                await self._sessions.regroup(connection, session.id, json.dumps(user.groups))
        if server.pending is not None:
            return
        if server.ready and server.started is not None:
            restarted = session.started_at is None or abs(session.started_at - server.started) > _SAME
            if restarted or session.state is SessionState.STOPPED:
                await self._record_start(session, server.started)
            elif session.running:
                await self._fall_back(session, server)
        elif not server.ready and session.running:
            stopped = kinds.SessionStopped(session_id=session.id, observed_at=datetime.now(UTC))
            await self._ledger.append(session, stopped)
            self._note("stopped", session.id)

    async def _record_start(self, session: Session, started: datetime) -> None:
        volume_id = await self._volumes.ensure_recorded(session)
        enforcement = await self._host.read_enforcement(volume_id) if volume_id else []
        event = kinds.SessionStarted(session_id=session.id, started_at=started, enforcement=enforcement)
        await self._ledger.append(session, event)
        self._note("started", session.id)

    async def _fall_back(self, session: Session, server: HubServer) -> None:
        """Take the hub's word for a server that does not report, once the hub has been there long enough to know."""
        now = datetime.now(UTC)
        reported = max(filter(None, (session.reported_at, session.started_at)), default=None)
        silent = reported is not None and now - reported > self._patience
        settled = self._hub_since is not None and now - self._hub_since > self._patience
        due = session.observed_at is None or now - session.observed_at > _HUB_REFRESH
        if not (silent and settled and due) or server.last_activity is None:
            return
        last_activity = min(server.last_activity, now)
        async with self._ledger.statements() as connection:
            await self._sessions.observe(
                connection, session.id, last_activity=last_activity, source="hub", observed_at=now
            )
        if is_notable(session, last_activity, "hub"):
            observed = kinds.SessionActivityObserved(
                session_id=session.id, last_activity=last_activity, source="hub", observed_at=now
            )
            await self._ledger.append(session, observed)

    async def _consider_deletion(self, session: Session, busy: Mapping[UUID, UUID], user: HubUser) -> None:
        """Record that a server is gone and see its storage gone, unless it is only on its way.

        A hub that knows its user for a shorter time than we know the server has lost its database, or the user with it.
        It deletes storage with a user it deletes, so storage that is there then was not meant to go, and is kept.
        """
        if session.id in busy or session.deleting:
            return
        now = datetime.now(UTC)
        if session.launch_id is None and session.started_at is None and now - session.created_at < _MAKING:
            return
        if await self._hub.read_server(session.user, session.server_name) is None:
            volume_id = await self._volumes.ensure_recorded(session, made_before=now)
            if volume_id is not None and user.created is not None and user.created > session.created_at:
                self._metrics.findings.labels("forgotten").inc()
                return
            await self.conclude_deletion(session)
            self._note("deleted", session.id)

    async def conclude_deletion(self, session: Session) -> None:
        """Delete what is left of a session whose server is gone, and record its end.

        Raises
        ------
        HostError
            Its storage cannot be deleted yet.
        """
        volumes = await self._volumes.delete_all(session)
        gone: list[Event] = [kinds.SessionDeleted(session_id=session.id, observed_at=datetime.now(UTC))]
        async with self._ledger.transaction() as connection:
            for volume in volumes:
                deleted = kinds.StorageDeleted(volume_id=volume.id, session_id=session.id)
                await self._ledger.append_storage(connection, volume.id, deleted)
            await self._sessions.forget(connection, session.id)
            await self._ledger.append_within(connection, session.id, *gone, expected=session.version)

    def _note(self, finding: str, session_id: UUID) -> None:
        self._metrics.findings.labels(finding).inc()
        self._log.info("ledger brought in step", finding=finding, session=str(session_id))


def _is_made(server: HubServer) -> bool:
    """Whether a server is one a user made: the hub keeps a record of the default one for everybody who signs in."""
    return bool(server.name) or server.active or server.started is not None
