"""Deleting a server for good, step by step, so that any replica can finish it."""

import asyncio
from datetime import timedelta
from uuid import UUID

from heliostat_core.contracts.events import SessionStopRequested
from heliostat_core.eventstore import StreamConflictError
from heliostat_core.work import Lease

from ..domain.ledger import Session
from ..errors import HubBusyError, HubRefusedError
from ..metrics import SessionsMetrics
from ..storage.hub import HubClient
from ..storage.sessions import SessionStorage
from .ledger import SessionLedger
from .reconcile import Reconciler
from .volumes import VolumeService

WORK = "session-delete"
"""Kind of the work items of deletions."""

_POLL = timedelta(seconds=0.25)
_DEADLINE = timedelta(seconds=60)
"""Then the work is given back and taken up again, so that nothing waits for ever in one place."""


class DeletionService:
    """Stop, remove at the hub, see the storage gone, record it."""

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        sessions: SessionStorage,
        hub: HubClient,
        volumes: VolumeService,
        reconciler: Reconciler,
        metrics: SessionsMetrics,
    ) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._hub = hub
        self._volumes = volumes
        self._reconciler = reconciler
        self._metrics = metrics

    async def finish(self, lease: Lease) -> None:
        """Carry out a deletion that was asked for.

        Raises
        ------
        HubBusyError, HubUnavailableError, HostError
            It cannot be finished now.
        """
        session_id = UUID(lease.key)
        session = await self._read(session_id)
        if session is None:
            return
        # Its id must be known before the name is free: the same name may be a new server with new storage at once.
        await self._volumes.ensure_recorded(session)
        try:
            async with asyncio.timeout(_DEADLINE.total_seconds()):
                await self._stop(session)
                await self._remove(session)
        except TimeoutError as error:
            raise HubBusyError from error
        while session is not None:
            try:
                await self._reconciler.conclude_deletion(session)
            except StreamConflictError:
                session = await self._read(session_id)
                continue
            return

    async def _read(self, session_id: UUID) -> Session | None:
        async with self._ledger.statements() as connection:
            return await self._sessions.read(connection, session_id)

    async def _stop(self, session: Session) -> None:
        server = await self._hub.read_server(session.user, session.server_name)
        if server is None or not server.active:
            return
        await self._record_stop(session.id)
        while server is not None and server.active:
            if server.pending != "stop":
                await self._ask_for_stop(session)
            await asyncio.sleep(_POLL.total_seconds())
            server = await self._hub.read_server(session.user, session.server_name)

    async def _record_stop(self, session_id: UUID) -> None:
        while (session := await self._read(session_id)) is not None:
            asked = SessionStopRequested(session_id=session_id, reason="delete", decision_id=None)
            try:
                await self._ledger.append(session, asked)
            except StreamConflictError:
                continue
            self._metrics.stops.labels("delete").inc()
            return

    async def _ask_for_stop(self, session: Session) -> None:
        try:
            await self._hub.stop(session.user, session.server_name)
        except HubRefusedError:
            # A start that is pending cannot be stopped, only removed, which interrupts it.
            if session.server_name:
                await self._hub.remove(session.user, session.server_name)

    async def _remove(self, session: Session) -> None:
        """Remove the record; that of a default server belongs to its user and stays."""
        if not session.server_name:
            return
        while await self._hub.read_server(session.user, session.server_name) is not None:
            await self._hub.remove(session.user, session.server_name)
            if await self._hub.read_server(session.user, session.server_name) is None:
                return
            await asyncio.sleep(_POLL.total_seconds())
