"""The volumes of servers in the docker runtime: the ledger on disk, and what the engine has of them."""

from pathlib import Path

import structlog
from heliostat_runtime import RuntimeHostError, Volume, VolumeBusyError, VolumeLease, VolumeStore
from heliostat_runtime.capabilities import StorageBackend
from typing_extensions import override

from .engine import Engine
from .loop_devices import LoopDevices
from .volume_storage import UID, EngineVolumes, ImageStorage, PlainStorage

__all__ = ["ServerVolumes", "StorageUnavailableError", "build_volume_name"]


class StorageUnavailableError(RuntimeHostError):
    """A volume was made with means that this host does not have any more."""

    code = "storage_unavailable"


class _Kind:
    """How new volumes are made: all files belong to `jovyan`."""

    own_uids = False
    uid = UID

    def __init__(self, backend: StorageBackend) -> None:
        self.storage_backend = backend


class ServerVolumes(VolumeStore):
    """Volumes whose files the engine mounts and, at a server's first start, fills from its image.

    Parameters
    ----------
    state
        Holds the ledger and the images of limited volumes; nothing else's.
    instance
        In the labels and names of what this makes in the engine.
    loops
        Makes volumes limited; None: new ones are the engine's own, and not limited.
    """

    def __init__(self, state: Path, *, engine: Engine, instance: str, loops: LoopDevices | None) -> None:
        self._engine_volumes = EngineVolumes(engine, instance=instance)
        self._loops = loops
        super().__init__(state, _Kind("loop-ext4" if loops is not None else "engine-volume"), open_storage=self._open)
        self._log = structlog.get_logger()

    async def mount(self, lease: VolumeLease) -> str:
        """Make the storage ready for a container and return the engine's name of it.

        Whatever an interrupted first start has put into a volume goes: nobody has worked with it yet.

        Raises
        ------
        VolumeBusyError
            A container has it.
        EngineError, RuntimeHostError
        """
        storage = self._open_of(lease)
        await storage.detach()
        if not lease.volume.populated:
            await storage.remove()
        await storage.create()
        await storage.attach()
        return build_volume_name(lease.volume.volume_id)

    async def let_go(self, lease: VolumeLease) -> None:
        """Say that the engine has mounted the storage, so that it goes with the container from now on."""
        await self._open_of(lease).let_go()

    @override
    async def reconcile(self) -> None:
        """Finish what a crash left, and look for volumes in the engine that the ledger does not know.

        Such a volume is removed when it only names a device: the files are in an image. Else it holds files, and is
        reported.
        """
        await super().reconcile()
        there = await self._engine_volumes.list_()
        # After the engine's list: a volume is in the ledger before the engine has it.
        known = {build_volume_name(volume.volume_id) for volume in await self.list_()}
        for found in there:
            if found["Name"] in known:
                continue
            self._log.warning("a volume in the engine is in no ledger", volume=found["Name"])
            if (found.get("Options") or {}).get("type") == "ext4":
                try:
                    await self._engine_volumes.remove(found["Name"], volume_id=found["Name"])
                except VolumeBusyError:
                    continue

    def _open(self, volume: Volume, directory: Path) -> ImageStorage | PlainStorage:
        name = build_volume_name(volume.volume_id)
        if volume.backend != "loop-ext4":
            return PlainStorage(volume, name=name, volumes=self._engine_volumes)
        return ImageStorage(
            volume, directory, name=name, volumes=self._engine_volumes, loops=self._loops or _NoLoopDevices()
        )

    def _open_of(self, lease: VolumeLease) -> ImageStorage | PlainStorage:
        return self._open(lease.volume, self._root / lease.volume.volume_id)


class _NoLoopDevices:
    """Where limited volumes were made before, and cannot be attached any more."""

    async def attach(self, image: Path) -> str:
        """Refuse."""
        raise StorageUnavailableError(
            f"The storage {image.parent.name} is an image of limited size, and this host has no loop devices for it",
            remedy="Give the hub what it had when the server was made: root, or a container that may attach devices.",
        )

    async def let_go(self, image: Path) -> None:
        """Do nothing: none was attached."""

    async def detach(self, image: Path) -> None:
        """Do nothing: none was attached."""


def build_volume_name(volume_id: str) -> str:
    """Name a volume in the engine after its random id."""
    return f"heliostat-{volume_id}"
