"""Where the files of a server's volume are, in the docker runtime; the engine mounts it and fills it from the image."""

import asyncio
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from heliostat_runtime import Volume, VolumeBusyError
from heliostat_runtime.ext4_image import create_image
from heliostat_runtime.space import Space

from .engine import Engine
from .errors import EngineRefusedError
from .loop_devices import LoopDevices

__all__ = ["HOME", "UID", "EngineVolumes", "ImageStorage", "PlainStorage"]

HOME = Path("/home/jovyan")
UID = 1000  # of `jovyan`, in every image
_NOT_FOUND = 404
_CONFLICT = 409
_COUNTING = timedelta(minutes=5)  # the engine walks through all files of all plain volumes
_MOUNT_OPTIONS = "nosuid,nodev,noatime,discard"


class EngineVolumes:
    """Volumes as the engine knows them: names with options and labels."""

    def __init__(self, engine: Engine, *, instance: str) -> None:
        self._engine = engine
        self._labels = {"heliostat.instance": instance}

    async def create(self, name: str, *, volume_id: str, options: Mapping[str, str]) -> None:
        """Make a volume; one of that name is success."""
        async with self._engine.call(f"make the volume {name}") as docker:
            await docker.volumes.create(
                {
                    "Name": name,
                    "Driver": "local",
                    "DriverOpts": dict(options),
                    "Labels": {**self._labels, "heliostat.volume": volume_id},
                }
            )

    async def find(self, name: str) -> dict[str, Any] | None:
        """Return what the engine says of a volume, or None."""
        try:
            async with self._engine.call(f"describe the volume {name}") as docker:
                volume = await docker.volumes.get(name)
                return dict(await volume.show())
        except EngineRefusedError as e:
            if e.status == _NOT_FOUND:
                return None
            raise

    async def list_(self) -> list[dict[str, Any]]:
        """List the volumes of this instance's servers."""
        filters = {"label": [*(f"{key}={value}" for key, value in self._labels.items()), "heliostat.volume"]}
        async with self._engine.call("list its volumes") as docker:
            return list((await docker.volumes.list(filters=filters))["Volumes"] or [])

    async def remove(self, name: str, *, volume_id: str) -> None:
        """Remove a volume; absent is success.

        Raises
        ------
        VolumeBusyError
            A container has it, running or not.
        """
        if await self.is_used(name):
            raise VolumeBusyError(volume_id=volume_id)
        try:
            async with self._engine.call(f"remove the volume {name}") as docker:
                volume = await docker.volumes.get(name)
                await volume.delete()
        except EngineRefusedError as e:
            if e.status == _CONFLICT:
                raise VolumeBusyError(volume_id=volume_id) from e
            if e.status != _NOT_FOUND:
                raise

    async def is_used(self, name: str) -> bool:
        """Whether a container has it, running or not."""
        async with self._engine.call("list its containers") as docker:
            return bool(await docker.containers.list(all=True, filters={"volume": [name]}))

    async def count(self) -> dict[str, int]:
        """Return the bytes each volume takes."""
        async with self._engine.call("measure its volumes", deadline=_COUNTING) as docker:
            found = await docker._query_json("system/df", method="GET")  # noqa: SLF001  aiodocker has no name for it
        usages = {volume["Name"]: volume.get("UsageData") or {} for volume in found.get("Volumes") or []}
        return {name: max(0, int(usage.get("Size") or 0)) for name, usage in usages.items()}


class ImageStorage:
    """A file `image.ext4` of the volume's size, which the engine mounts through a loop device: the size is a limit.

    The engine's volume exists only while a container has it, because it names the loop device. The file `attaching` is
    written before a device is asked for; it becomes `attached` once the kernel will free the device by itself.
    """

    def __init__(
        self, volume: Volume, directory: Path, *, name: str, volumes: EngineVolumes, loops: LoopDevices
    ) -> None:
        self._volume = volume
        self._name = name
        self._image = directory / "image.ext4"
        self._attaching = directory / "attaching"
        self._attached = directory / "attached"
        self._volumes = volumes
        self._loops = loops

    async def create(self) -> None:
        """Make the image if it is not there."""
        if not await self.is_created():
            await create_image(self._image, size=self._volume.size, owner=UID)

    async def attach(self) -> Path:
        """Give the engine a volume on a device of its own; `let_go` of the device once the engine has mounted it."""
        await self.detach()
        await asyncio.to_thread(self._attaching.touch)
        device = await self._loops.attach(self._image)
        await asyncio.to_thread(self._attaching.rename, self._attached)
        options = {"type": "ext4", "device": device, "o": _MOUNT_OPTIONS}
        await self._volumes.create(self._name, volume_id=self._volume.volume_id, options=options)
        return HOME

    async def let_go(self) -> None:
        """Leave the device to the kernel, which frees it when the engine has unmounted it, whoever is alive then."""
        await self._loops.let_go(self._image)

    async def detach(self) -> None:
        """Undo `attach`."""
        if not await self.is_attached():
            return
        await self._volumes.remove(self._name, volume_id=self._volume.volume_id)
        if await asyncio.to_thread(self._attaching.exists) and await self.is_created():
            await self._loops.detach(self._image)
        else:
            await self._loops.let_go(self._image)
        for mark in (self._attaching, self._attached):
            await asyncio.to_thread(mark.unlink, missing_ok=True)

    async def remove(self) -> None:
        """Remove the image."""
        await asyncio.to_thread(self._image.unlink, missing_ok=True)

    async def is_created(self) -> bool:
        """Whether the image is there."""
        return await asyncio.to_thread(self._image.exists)

    async def is_attached(self) -> bool:
        """Whether `detach` has something to do."""
        return await asyncio.to_thread(lambda: self._attached.exists() or self._attaching.exists())

    async def measure(self) -> Space:
        """Ask the mounted file system where this process sees it, else see what the image takes on disk."""
        found = await self._volumes.find(self._name) if await self.is_attached() else None
        mount = Path(found["Mountpoint"]) if found else None
        return await asyncio.to_thread(self._measure, mount)

    def _measure(self, mount: Path | None) -> Space:
        if mount is not None and os.path.ismount(mount):
            status = os.statvfs(mount)
            return Space((status.f_blocks - status.f_bfree) * status.f_frsize, self._volume.size)
        try:
            taken = self._image.stat().st_blocks * 512
        except FileNotFoundError:
            taken = 0
        return Space(min(taken, self._volume.size), self._volume.size)


class PlainStorage:
    """A volume of the engine's own: measured, not limited."""

    def __init__(self, volume: Volume, *, name: str, volumes: EngineVolumes) -> None:
        self._volume = volume
        self._name = name
        self._volumes = volumes

    async def create(self) -> None:
        """Make the volume if it is not there."""
        await self._volumes.create(self._name, volume_id=self._volume.volume_id, options={})

    async def attach(self) -> Path:
        """Return the home; the engine mounts it."""
        return HOME

    async def let_go(self) -> None:
        """Do nothing: there is no device."""

    async def detach(self) -> None:
        """Refuse while a container has it."""
        if await self._volumes.is_used(self._name):
            raise VolumeBusyError(volume_id=self._volume.volume_id)

    async def remove(self) -> None:
        """Remove the volume."""
        await self._volumes.remove(self._name, volume_id=self._volume.volume_id)

    async def is_created(self) -> bool:
        """Whether the volume is there."""
        return await self._volumes.find(self._name) is not None

    async def is_attached(self) -> bool:
        """Nothing is ever attached."""
        return False

    async def measure(self) -> Space:
        """Have the engine count."""
        return Space((await self._volumes.count()).get(self._name, 0), self._volume.size)
