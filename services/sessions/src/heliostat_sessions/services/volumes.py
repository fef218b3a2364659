"""Storage of sessions: known to the ledger, measured, deleted with the session, and nothing left over."""

from datetime import UTC, datetime, timedelta

import structlog
from heliostat_core.contracts import events as kinds
from heliostat_core.eventstore import StreamConflictError
from heliostat_runtime.volume import Volume as HostVolume

from ..domain.ledger import Session, Volume
from ..metrics import SessionsMetrics
from ..storage.host import Host, HostError
from ..storage.sessions import SessionStorage
from .ledger import SessionLedger

_NOTABLE = 0.01
"""Part of the limit by which the use must have changed to be worth an event."""

_ORPHAN_AGE = timedelta(minutes=10)
"""Younger volumes may belong to a server that is just being made."""


class VolumeService:
    """Keeps the ledger of volumes in step with the host."""

    def __init__(
        self, *, ledger: SessionLedger, sessions: SessionStorage, host: Host, metrics: SessionsMetrics
    ) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._host = host
        self._metrics = metrics
        self._log = structlog.get_logger()

    async def ensure_recorded(self, session: Session, *, made_before: datetime | None = None) -> str | None:
        """Record the volume a session has now, and return its id; None when it has none yet.

        ``made_before`` leaves out a younger volume: that of another server that got the same name since.
        """
        volume = await self._host.find_volume(session.user, session.server_name)
        if volume is None or (made_before is not None and volume.created_at >= made_before):
            return None
        if session.volume is None or session.volume.id != volume.volume_id:
            await self._record(volume, session)
        return str(volume.volume_id)

    async def delete_all(self, session: Session) -> list[Volume]:
        """Make sure that the recorded volumes of a session are gone from the host, and return them.

        Raises
        ------
        HostError
            One could not be deleted (yet).
        """
        async with self._ledger.statements() as connection:
            volumes = await self._sessions.list_volumes(connection, session.id)
        for volume in volumes:
            await self._host.delete_volume(volume.id)
        return volumes

    async def measure(self) -> None:
        """Measure all volumes, record what changed notably, and delete what is left of deleted sessions."""
        for volume in await self._host.list_volumes():
            try:
                await self._measure(volume)
            except (HostError, StreamConflictError) as error:
                self._log.warning("a volume could not be looked after", volume=volume.volume_id, error=str(error))

    async def _measure(self, volume: HostVolume) -> None:
        async with self._ledger.statements() as connection:
            known = await self._sessions.read_volume(connection, volume.volume_id)
            owner = volume.owner
            session = await self._sessions.find(connection, user=owner.user, name=owner.server_name)
        if known is None:
            if session is not None:
                await self._record(volume, session)
            elif datetime.now(UTC) - volume.created_at > _ORPHAN_AGE:
                # Nobody has told the ledger of this one, so nobody has told it either that it may go.
                self._metrics.findings.labels("unknown_volume").inc()
                self._log.warning("a volume belongs to no session", volume=volume.volume_id)
            return
        recorded, gone, session_gone = known
        if gone or session_gone:
            await self._delete_orphan(recorded, recorded_gone=gone)
            return
        await self._record_use(recorded)

    async def _delete_orphan(self, volume: Volume, *, recorded_gone: bool) -> None:
        self._metrics.findings.labels("orphan").inc()
        self._log.warning("deleting a volume of a deleted session", volume=volume.id)
        await self._host.delete_volume(volume.id)
        if not recorded_gone:
            async with self._ledger.transaction() as connection:
                deleted = kinds.StorageDeleted(volume_id=volume.id, session_id=volume.session_id)
                await self._ledger.append_storage(connection, volume.id, deleted)

    async def _record_use(self, volume: Volume) -> None:
        measured = await self._host.measure(volume.id)
        if measured is None:
            return
        used, limit = measured
        same_limit = limit == volume.limit
        if volume.used is not None and same_limit and abs(used - volume.used) < limit * _NOTABLE:
            return
        async with self._ledger.transaction() as connection:
            data = kinds.StorageMeasured(volume_id=volume.id, used=used, limit=limit)
            await self._ledger.append_storage(connection, volume.id, data)

    async def _record(self, volume: HostVolume, session: Session) -> None:
        self._metrics.findings.labels("volume").inc()
        data = kinds.StorageCreated(
            volume_id=volume.volume_id, session_id=session.id, limit=volume.size, backend=volume.backend
        )
        async with self._ledger.transaction() as connection:
            if await self._sessions.read_volume(connection, volume.volume_id) is None:
                await self._ledger.append_storage(connection, volume.volume_id, data)
