"""The volumes of an instance: found or made, leased, measured, deleted, reconciled. Two processes may do so at once."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from .capabilities import StorageBackend
from .errors import VolumeBusyError, VolumeMissingError
from .files import PRIVATE_FILE, lock_file, read_json, remove_tree, try_lock, write_json
from .volume import Measurement, Owner, Storage, Volume, VolumeId, VolumeLease, open_storage, server_logs
from .volume_index import FIRST_UID, LAST_UID, VolumeIndex

__all__ = ["VolumeStore"]

T = TypeVar("T")

PASSABLE = 0o711  # without a sandbox a server reaches its home through here; what it cannot list it cannot name
AT_ONCE = timedelta(0)
BRIEF = timedelta(seconds=2)  # longer than anybody but a running server holds a volume
LOCK_POLL = timedelta(milliseconds=20)


class VolumeCapabilities(Protocol):
    """What decides how volumes are made; see `HostCapabilities`."""

    @property
    def uid(self) -> int:
        """Owner of all files, unless every volume has a uid of its own."""

    @property
    def own_uids(self) -> bool:
        """Whether every volume gets a uid of its own."""

    @property
    def storage_backend(self) -> StorageBackend:
        """The kind of storage new volumes get."""


class VolumeStore:
    """Volumes in `volumes/<id>/`: `volume.json` says what it is to be, `lock` is held by the server that runs on it."""

    def __init__(
        self,
        state: Path,
        capabilities: VolumeCapabilities,
        *,
        open_storage: Callable[[Volume, Path], Storage] = open_storage,
        first_uid: int = FIRST_UID,
        last_uid: int = LAST_UID,
    ) -> None:
        self._state = state
        self._root = state / "volumes"
        self._trash = state / "trash" / "volumes"
        self._capabilities = capabilities
        self._open_storage = open_storage
        self._index = VolumeIndex(self._root / ".index", first_uid=first_uid, last_uid=last_uid)

    async def ensure(self, user: str, server_name: str, size: int) -> Volume:
        """Find the volume of a server or make one of `size` bytes; an existing one keeps its size."""
        volume = await self._locked(lambda: self._find_or_record(Owner(user=user, server_name=server_name), size))
        if not await self._storage(volume).is_created():
            async with self.lease(volume.volume_id, patience=BRIEF):
                await self._storage(volume).create()
        return volume

    async def find(self, user: str, server_name: str) -> Volume | None:
        """Return the volume of a server, or None."""
        return await asyncio.to_thread(self._find, Owner(user=user, server_name=server_name))

    async def read(self, volume_id: str) -> Volume:
        """Return a volume.

        Raises
        ------
        VolumeMissingError
            There is none.
        """
        return await asyncio.to_thread(self._read, VolumeId(volume_id))

    async def list_(self) -> tuple[Volume, ...]:
        """List all volumes, oldest first."""
        return await asyncio.to_thread(self._list)

    async def record(
        self, volume_id: str, *, grant: dict[str, Any] | None = None, populated: bool | None = None
    ) -> Volume:
        """Record a grant, or that the repository's files are there; what is not given stays.

        Raises
        ------
        VolumeMissingError
            There is none.
        """
        given = {"grant": grant, "populated": populated}
        changes = {name: value for name, value in given.items() if value is not None}
        return await self._locked(lambda: self._change(VolumeId(volume_id), changes))

    @asynccontextmanager
    async def lease(self, volume_id: str, *, patience: timedelta = AT_ONCE) -> AsyncIterator[VolumeLease]:
        """Hold a volume exclusively; wait for at most `patience` while somebody else does.

        Raises
        ------
        VolumeBusyError
            A server runs on it, or somebody else holds it.
        VolumeMissingError
            There is none.
        """
        descriptor = await self._wait_for_lock(VolumeId(volume_id), patience)
        try:
            yield VolumeLease(await self.read(volume_id), descriptor)
        finally:
            os.close(descriptor)

    async def is_leased(self, volume_id: str) -> bool:
        """Whether a server runs on the volume, or somebody else holds it; False when there is none."""
        try:
            async with self.lease(volume_id):
                return False
        except VolumeBusyError:
            return True
        except VolumeMissingError:
            return False

    async def attach(self, lease: VolumeLease) -> Path:
        """Make the storage usable and return the home; attached already is success."""
        storage = self._storage(lease.volume)
        await storage.create()
        return await storage.attach()

    async def detach(self, lease: VolumeLease) -> None:
        """Undo `attach`; detached already is success."""
        await self._storage(lease.volume).detach()

    async def measure(self, volume_id: str) -> Measurement:
        """Measure a volume; it may be in use.

        Raises
        ------
        VolumeMissingError
            There is none.
        """
        volume = await self.read(volume_id)
        space = await self._storage(volume).measure()
        method = "file system" if volume.backend == "loop-ext4" else "sum of files"
        return Measurement(used=space.used, limit=space.limit, method=method)

    async def delete(self, volume_id: str) -> None:
        """Delete a volume with all its files; absent is success.

        It first goes to the trash in one step, so that from then on nobody can attach it; a crash after that is
        finished by `reconcile`.

        Raises
        ------
        VolumeBusyError
            A server runs on it.
        """
        try:
            async with self.lease(volume_id, patience=BRIEF) as lease:
                await self.detach(lease)  # or it is in use, and stays
                await self._locked(lambda: self._discard(VolumeId(volume_id)))
        except VolumeMissingError:
            pass
        await self._empty(self._trash / volume_id)

    async def reconcile(self) -> None:
        """Finish what a crash left: half-made and half-deleted volumes, mounts that nobody uses."""
        await self._locked(self._discard_unrecorded)
        for directory in await asyncio.to_thread(_list_directories, self._trash):
            await self._empty(directory)
        for volume in await self.list_():
            if not await self._storage(volume).is_attached():
                continue
            try:
                async with self.lease(volume.volume_id) as lease:
                    await self.detach(lease)
            except (VolumeBusyError, VolumeMissingError):
                continue
        await self._locked(self._drop_unknown)

    async def _locked(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(self._run_locked, work)

    def _run_locked(self, work: Callable[[], T]) -> T:
        self._prepare()
        with lock_file(self._root / ".lock"):
            return work()

    def _prepare(self) -> None:
        for directory in (self._root, self._trash):
            directory.mkdir(mode=PASSABLE, parents=True, exist_ok=True)
        self._index.prepare()

    def _find(self, owner: Owner) -> Volume | None:
        volume_id = self._index.find(owner)
        try:
            return self._read(volume_id) if volume_id else None
        except VolumeMissingError:
            return None  # deleted, or its making was interrupted

    def _read(self, volume_id: VolumeId) -> Volume:
        document = read_json(self._root / volume_id / "volume.json")
        if document is None:
            raise VolumeMissingError(volume_id=volume_id)
        return Volume.model_validate(document)

    def _list(self) -> tuple[Volume, ...]:
        documents = [read_json(directory / "volume.json") for directory in _list_directories(self._root)]
        volumes = [Volume.model_validate(document) for document in documents if document is not None]
        return tuple(sorted(volumes, key=lambda volume: volume.created_at))

    def _find_or_record(self, owner: Owner, size: int) -> Volume:
        if found := self._find(owner):
            return found
        volume_id = VolumeId(uuid4().hex)
        self._index.record(owner, volume_id)
        uid = self._index.take_uid(volume_id) if self._capabilities.own_uids else self._capabilities.uid
        volume = Volume(
            volume_id=volume_id,
            owner=owner,
            size=size,
            uid=uid,
            backend=self._capabilities.storage_backend,
            created_at=datetime.now(UTC),
        )
        directory = self._root / volume_id
        directory.mkdir(mode=PASSABLE)
        (directory / "lock").touch(mode=PRIVATE_FILE)
        self._write(volume)
        return volume

    def _change(self, volume_id: VolumeId, changes: dict[str, Any]) -> Volume:
        volume = self._read(volume_id).model_copy(update=changes)
        self._write(volume)
        return volume

    def _write(self, volume: Volume) -> None:
        write_json(self._root / volume.volume_id / "volume.json", volume.model_dump(mode="json"))

    def _storage(self, volume: Volume) -> Storage:
        return self._open_storage(volume, self._root / volume.volume_id)

    async def _wait_for_lock(self, volume_id: VolumeId, patience: timedelta) -> int:
        until = asyncio.get_running_loop().time() + patience.total_seconds()
        while True:
            # Not in a thread: it never waits, and a cancelled wait for a thread would lose the descriptor.
            try:
                descriptor = try_lock(self._root / volume_id / "lock")
            except FileNotFoundError as e:
                raise VolumeMissingError(volume_id=volume_id) from e
            if descriptor is not None:
                return descriptor
            if asyncio.get_running_loop().time() >= until:
                raise VolumeBusyError(volume_id=volume_id)
            await asyncio.sleep(LOCK_POLL.total_seconds())

    def _discard(self, volume_id: VolumeId) -> None:
        owner = self._read(volume_id).owner
        (self._root / volume_id).rename(self._trash / volume_id)
        self._index.forget(owner, volume_id)

    def _discard_unrecorded(self) -> None:
        for directory in _list_directories(self._root):
            if not (directory / "volume.json").exists():
                directory.rename(self._trash / directory.name)

    async def _empty(self, directory: Path) -> None:
        document = await asyncio.to_thread(read_json, directory / "volume.json")
        if document is not None:
            volume = Volume.model_validate(document)
            storage = self._open_storage(volume, directory)
            await storage.detach()
            await storage.remove()
        await asyncio.to_thread(self._remove_files, directory)
        if document is not None:
            await self._locked(lambda: self._index.release_uid(volume.uid, volume.volume_id))

    def _remove_files(self, directory: Path) -> None:
        for log in server_logs(self._state, directory.name):
            log.unlink(missing_ok=True)
        remove_tree(directory)

    def _drop_unknown(self) -> None:
        known = {path.name for parent in (self._root, self._trash) for path in _list_directories(parent)}
        self._index.drop_unknown(known)


def _list_directories(parent: Path) -> list[Path]:
    try:
        return [path for path in parent.iterdir() if not path.name.startswith(".") and path.is_dir()]
    except FileNotFoundError:
        return []
