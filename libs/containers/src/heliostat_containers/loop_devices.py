"""Loop devices for image files: attached by ourselves as root, or by a container on the engine's host.

Who attaches a device holds it open, and has said meanwhile that the last one to close it frees it. So from then on the
kernel cleans up: when the holder lets go, or the engine unmounts, whichever is later, and whoever was killed.

Numbers of loop devices mean nothing across a detach, let alone a reboot: an image is always looked up by its file.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from heliostat_runtime import HostCommandError, VolumeBusyError
from heliostat_runtime.commands import run_command

from .command import Command
from .container import ContainerLimits, ContainerSpec, Mount
from .containers import Containers
from .errors import ContainerExistsError, ContainerMissingError, ContainerStoppedError, EngineTimeoutError

__all__ = ["HelperLoopDevices", "LoopDevices", "OwnLoopDevices"]

_DEADLINE = timedelta(seconds=60)
_DEVICE = "/dev/"
_IN_USE = 75
_LIST = 'PATH=$PATH:/usr/sbin:/sbin; left() { losetup --noheadings --output NAME --associated "$1"; }; '
_DETACH = _LIST + 'for device in $(left "$1"); do losetup --detach "$device"; done; '
_ATTACH = _DETACH + f'[ -z "$(left "$1")" ] || exit {_IN_USE}; device=$(losetup --find --show "$1") || exit; '
_ATTACH_AND_SHOW = _ATTACH + 'echo "$device"'
# A device that is open is not detached: the kernel marks it, and detaches it when it is closed for the last time.
_ATTACH_AND_HOLD = (
    _ATTACH + 'exec 3<"$device" && losetup --detach "$device" && echo "$device" && exec cat'  # until its input ends
)
_LIMITS = ContainerLimits(cpu=1.0, memory=64 * 2**20, pids=256)
_REST = "trap exit TERM; sleep infinity & wait"


class LoopDevices(Protocol):
    """Attaches image files to devices of the engine's host."""

    async def attach(self, image: Path) -> str:
        """Attach an image that nobody uses and return the device; keep it until `let_go`.

        Raises
        ------
        VolumeBusyError
            It is mounted: a second device would corrupt it.
        HostCommandError
            The host has no loop devices for us.
        """

    async def let_go(self, image: Path) -> None:
        """Leave the device to whoever has mounted it; nothing to let go of is success."""

    async def detach(self, image: Path) -> None:
        """Let go of an image and clean up after an `attach` that was interrupted."""


class OwnLoopDevices:
    """By this process, which is root on the engine's host."""

    def __init__(self) -> None:
        self._held: dict[Path, int] = {}

    async def attach(self, image: Path) -> str:
        """See `LoopDevices`."""
        await self.let_go(image)
        try:
            device = _read_device(await self._run(_ATTACH_AND_SHOW, image))
        except HostCommandError as e:
            if e.status == _IN_USE:
                raise VolumeBusyError(volume_id=image.parent.name) from e
            raise
        self._held[image] = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            await self._run(_DETACH, image)
        except BaseException:
            await self.let_go(image)
            raise
        return device

    async def let_go(self, image: Path) -> None:
        """See `LoopDevices`."""
        held = self._held.pop(image, None)
        if held is not None:
            os.close(held)

    async def detach(self, image: Path) -> None:
        """See `LoopDevices`."""
        await self.let_go(image)
        await self._run(_DETACH, image)

    async def _run(self, script: str, image: Path) -> str:
        return await run_command(_build_command(script, image), deadline=_DEADLINE)


class HelperLoopDevices:
    """By a container that runs as root with the host's loop devices, and no other right but to open any image.

    It waits for commands: to begin one takes the engine a fifth of what a container takes it. A command that holds a
    device ends with the connection of whoever began it.

    Parameters
    ----------
    name
        Of the container, which is made when it is needed and not there.
    image
        Digest of an image that has a shell and losetup.
    mount
        What holds the image files, mounted in the container where this process sees it.
    labels
        Of the container, by which it is found.
    """

    def __init__(
        self, containers: Containers, *, name: str, image: str, mount: Mount, labels: Mapping[str, str]
    ) -> None:
        self._containers = containers
        self._spec = ContainerSpec(
            name=name,
            image=image,
            entrypoint=("/bin/sh",),
            command=("-c", _REST),
            labels=labels,
            user="0:0",
            working_directory="/",
            mounts=(mount, Mount(source="/dev", target="/dev")),
            capabilities=("DAC_OVERRIDE",),
            devices=("/dev/loop-control",),
            device_rules=("b 7:* rmw",),
            read_only=True,
            limits=_LIMITS,
        )
        self._held: dict[Path, Command] = {}

    async def attach(self, image: Path) -> str:
        """See `LoopDevices`."""
        await self.let_go(image)
        command = await self._begin(_ATTACH_AND_HOLD, image)
        try:
            device = _read_device(await self._read(command, image))
        except BaseException:
            await command.close()
            raise
        self._held[image] = command
        return device

    async def let_go(self, image: Path) -> None:
        """See `LoopDevices`."""
        command = self._held.pop(image, None)
        if command is not None:
            await command.close()

    async def detach(self, image: Path) -> None:
        """See `LoopDevices`."""
        await self.let_go(image)
        command = await self._begin(_DETACH, image)
        try:
            await self._read(command, image)
        finally:
            await command.close()

    async def _begin(self, script: str, image: Path) -> Command:
        argv = _build_command(script, image)
        try:
            return await self._containers.begin(self._spec.name, argv)
        except (ContainerMissingError, ContainerStoppedError):
            await self._start()
            return await self._containers.begin(self._spec.name, argv)

    async def _start(self) -> None:
        with suppress(ContainerExistsError):  # stopped with the engine, or another start was first
            await self._containers.create(self._spec)
        await self._containers.start(self._spec.name)

    async def _read(self, command: Command, image: Path) -> str:
        """Read what is written until a device is named, or to the end."""
        output: list[str] = []
        try:
            async with asyncio.timeout(_DEADLINE.total_seconds()), aclosing(command.read_lines()) as lines:
                async for line in lines:
                    output.append(line)
                    if line.startswith(_DEVICE):
                        return line
        except TimeoutError as e:
            raise EngineTimeoutError(action="attach a loop device", deadline=_DEADLINE) from e
        status = await command.read_status()
        if status == _IN_USE:
            raise VolumeBusyError(volume_id=image.parent.name)
        if status:
            raise HostCommandError(program="losetup", status=status, output="\n".join(output))
        return ""


def _build_command(script: str, image: Path) -> Sequence[str]:
    return ["/bin/sh", "-c", script, "losetup", os.fspath(image)]


def _read_device(output: str) -> str:
    """Find the device in what losetup printed, which may also be warnings."""
    found = [line for line in output.splitlines() if line.startswith(_DEVICE)]
    if not found:
        raise HostCommandError(program="losetup", status=0, output=f"it named no device: {output}")
    return found[-1]
