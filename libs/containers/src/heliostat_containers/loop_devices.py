"""Loop devices for image files: attached by ourselves as root, or by a short container of the engine's host.

Numbers of loop devices mean nothing across a detach, let alone a reboot: an image is always looked up by its file.
"""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from heliostat_runtime import HostCommandError, VolumeBusyError
from heliostat_runtime.commands import run_command

from .container import ContainerSpec, Mount
from .containers import Containers

__all__ = ["HelperLoopDevices", "LoopDevices", "OwnLoopDevices"]

_DEADLINE = timedelta(seconds=60)
_LIST = 'PATH=$PATH:/usr/sbin:/sbin; left() { losetup --noheadings --output NAME --associated "$1"; }; '
_DETACH = _LIST + 'for device in $(left "$1"); do losetup --detach "$device"; done; '
_IN_USE = 75
_ATTACH = _DETACH + f'[ -z "$(left "$1")" ] || exit {_IN_USE}; exec losetup --find --show "$1"'


class LoopDevices(Protocol):
    """Attaches image files to devices of the engine's host."""

    async def attach(self, image: Path) -> str:
        """Attach an image that nobody uses and return the device, which is kept until `detach`.

        Raises
        ------
        VolumeBusyError
            It is mounted: a second device would corrupt it.
        HostCommandError
            The host has no loop devices for us.
        """

    async def detach(self, image: Path) -> None:
        """Let go of an image; one that is mounted is let go by the kernel when it is unmounted."""


class OwnLoopDevices:
    """By this process, which is root on the engine's host."""

    async def attach(self, image: Path) -> str:
        """See `LoopDevices`."""
        try:
            return _read_device(await self._run(_ATTACH, image))
        except HostCommandError as e:
            if e.status == _IN_USE:
                raise VolumeBusyError(volume_id=image.parent.name) from e
            raise

    async def detach(self, image: Path) -> None:
        """See `LoopDevices`."""
        await self._run(_DETACH, image)

    async def _run(self, script: str, image: Path) -> str:
        return await run_command(_build_command(script, image), deadline=_DEADLINE)


class HelperLoopDevices:
    """By a container that runs as root with the host's loop devices, and no other right but to open any image.

    Parameters
    ----------
    image
        Digest of an image that has a shell and losetup.
    mount
        What holds the image files, mounted in the container where this process sees it.
    labels
        Of the containers, by which what was interrupted is found.
    """

    def __init__(self, containers: Containers, *, image: str, mount: Mount, labels: dict[str, str]) -> None:
        self._containers = containers
        self._image = image
        self._mount = mount
        self._labels = labels

    async def attach(self, image: Path) -> str:
        """See `LoopDevices`."""
        return _read_device(await self._run(_ATTACH, image))

    async def detach(self, image: Path) -> None:
        """See `LoopDevices`."""
        await self._run(_DETACH, image)

    async def _run(self, script: str, image: Path) -> str:
        command = _build_command(script, image)
        spec = ContainerSpec(
            name=f"heliostat-loop-{image.parent.name}-{token_hex(4)}",
            image=self._image,
            entrypoint=(command[0],),
            command=tuple(command[1:]),
            labels=self._labels,
            user="0:0",
            working_directory="/",
            mounts=(self._mount, Mount(source="/dev", target="/dev")),
            capabilities=("DAC_OVERRIDE",),
            devices=("/dev/loop-control",),
            device_rules=("b 7:* rmw",),
            read_only=True,
        )
        finished = await self._containers.run(spec, deadline=_DEADLINE)
        if finished.status == _IN_USE:
            raise VolumeBusyError(volume_id=image.parent.name)
        if finished.status:
            raise HostCommandError(program="losetup", status=finished.status, output=finished.output)
        return finished.output


def _build_command(script: str, image: Path) -> Sequence[str]:
    return ["/bin/sh", "-c", script, "losetup", os.fspath(image)]


def _read_device(output: str) -> str:
    """Find the device in what losetup printed, which may also be warnings."""
    return next(line for line in reversed(output.splitlines()) if line.startswith("/dev/"))
