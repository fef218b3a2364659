"""Users for anonymous launches: made for one launch, deleted with their storage when its server stops, or after a day.

The name is recorded before the hub is asked to make it, and forgotten after the hub has deleted it, so whatever dies in
between leaves nothing behind: `reconcile` goes on from the ledger.
"""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from heliostat_core.auth import Principal, Scope
from heliostat_core.database import Database
from heliostat_core.errors import HeliostatError, NotFoundError

from ..errors import TemporaryUserLimitError
from ..storage.hub import HubClient
from ..storage.launches import LaunchStorage
from ..storage.sessions import SessionStorage
from ..storage.temporary_users import TemporaryUser, TemporaryUserStorage
from .sessions import SessionService

_SELF = Principal(kind="service", name="sessions")
_GRACE = timedelta(minutes=2)
"""A user for whom no launch was recorded by then never gets one."""

_LIFETIME = timedelta(days=1)
"""A busy kernel is never idle: without an end, whoever leaves one running keeps others' places for ever."""


class TemporaryUserService:
    """Makes and deletes temporary users.

    Parameters
    ----------
    limit
        How many there may be at a time.
    """

    def __init__(
        self,
        *,
        database: Database,
        storage: TemporaryUserStorage,
        hub: HubClient,
        launches: LaunchStorage,
        session_storage: SessionStorage,
        sessions: SessionService,
        limit: int,
    ) -> None:
        self._database = database
        self._storage = storage
        self._hub = hub
        self._launches = launches
        self._session_storage = session_storage
        self._sessions = sessions
        self._limit = limit
        self._log = structlog.get_logger()

    async def create(self) -> Principal:
        """Make a user with a name nobody can guess.

        Raises
        ------
        TemporaryUserLimitError
            There are too many.
        HubRefusedError, HubUnavailableError
            The hub does not make it.
        """
        name = f"temporary-{secrets.token_hex(12)}"
        async with self._database.transaction() as connection:
            if not await self._storage.add(connection, name, most=self._limit):
                raise TemporaryUserLimitError(limit=self._limit)
        await self._hub.create_user(name)
        return Principal(kind="user", name=name, scopes=frozenset({Scope.LAUNCH}))

    async def assign(self, name: str, launch_id: UUID) -> None:
        """Record the launch a user was made for."""
        async with self._database.statements() as connection:
            await self._storage.assign(connection, name, launch_id)

    async def create_token(self, launch_id: UUID) -> str:
        """Make a token that opens the server of a launch, and nothing else.

        Raises
        ------
        NotFoundError
            There is no such launch.
        HubRefusedError, HubUnavailableError
            The hub does not make it.
        """
        async with self._database.statements() as connection:
            view = await self._launches.read(connection, launch_id)
        if view is None:
            raise NotFoundError(what="launch", key=str(launch_id))
        scope = f"access:servers!server={view.user}/{view.server_name or ''}"
        return await self._hub.create_token(view.user, scopes=[scope], lifetime=_LIFETIME)

    async def reconcile(self) -> None:
        """Delete users whose launch led nowhere, whose server has stopped, or whose day is over. A background job."""
        async with self._database.statements() as connection:
            users = await self._storage.list_all(connection)
        for user in users:
            try:
                await self._reconcile(user)
            except HeliostatError as error:
                self._log.info("a temporary user cannot be deleted now", error=error.code)

    async def _reconcile(self, user: TemporaryUser) -> None:
        age = datetime.now(UTC) - user.created_at
        if user.launch_id is None and age < _GRACE:
            return
        async with self._database.statements() as connection:
            if await self._launches.list_of_user(connection, user=user.name, under_way=True, most=1):
                return
            sessions = await self._session_storage.list_of_user(connection, user.name)
        known = await self._hub.read_user(user.name)
        if age < _LIFETIME and known is not None and any(server.active for server in known.servers.values()):
            return
        for session in sessions:
            await self._sessions.delete(user.name, session.server_name, by=_SELF)
        if sessions:
            return  # their storage first; the next look goes on
        await self._hub.delete_user(user.name)
        async with self._database.statements() as connection:
            await self._storage.remove(connection, user.name)
        self._log.info("temporary user deleted")
