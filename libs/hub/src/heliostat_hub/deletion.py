"""Deletion of storage with its server, in spite of a hub that swallows the error of its hook and forgets the server.

The intent is written before anything is deleted, one small file per volume, and removed after; `Deletions.finish`
repeats what was interrupted or has failed.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from heliostat_runtime import VolumeBusyError, VolumeStore

from .admission import ServerKey

_AFTERMATH = timedelta(milliseconds=100)  # the hub removes its record within a few turns of its loop after the hook


class Deletions:
    """Which servers are being deleted, and the ledger of volumes to delete.

    Parameters
    ----------
    directory
        Holds the ledger.
    volumes
        The volumes.
    """

    def __init__(self, *, directory: Path, volumes: VolumeStore) -> None:
        self._directory = directory
        self._volumes = volumes
        self._running: set[ServerKey] = set()

    def is_running(self, key: ServerKey) -> bool:
        """Whether the server of this name is being deleted right now."""
        return key in self._running

    async def is_doomed(self, volume_id: str) -> bool:
        """Whether a volume is in the ledger: its server is gone, and nobody may get it again."""
        return await asyncio.to_thread((self._directory / volume_id).exists)

    async def delete(self, key: ServerKey) -> None:
        """Delete the storage of a server; none is success.

        Raises
        ------
        VolumeBusyError
            A server still runs on it; the ledger keeps it.
        """
        async with self._marked(key):
            volume = await self._volumes.find(*key)
            if volume is not None:
                await asyncio.to_thread(self._intend, volume.volume_id)
                await self._delete(volume.volume_id)

    async def finish(self) -> None:
        """Delete every volume in the ledger that no server holds."""
        for volume_id in await asyncio.to_thread(self._list):
            try:
                await self._delete(volume_id)
            except VolumeBusyError:
                continue

    async def _delete(self, volume_id: str) -> None:
        await self._volumes.delete(volume_id)
        await asyncio.to_thread((self._directory / volume_id).unlink, missing_ok=True)

    @asynccontextmanager
    async def _marked(self, key: ServerKey) -> AsyncIterator[None]:
        # A start accepted in between would lose its record and its volume under a running server.
        self._running.add(key)
        try:
            yield
        finally:
            asyncio.get_running_loop().call_later(_AFTERMATH.total_seconds(), self._running.discard, key)

    def _intend(self, volume_id: str) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._directory / volume_id, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _list(self) -> list[str]:
        return sorted(path.name for path in self._directory.iterdir()) if self._directory.is_dir() else []
