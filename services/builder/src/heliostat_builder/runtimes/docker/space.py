"""Stopping builds that write too much: engines limit memory and processors, and few limit disks."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic

from heliostat_containers import Containers, Engine, EngineError
from heliostat_core.units import format_size

from ...domain.failures import explain_full_disk
from ...errors import BuildFailedError

_CHECK = timedelta(seconds=5)
_SHARE = 10
"""Measuring walks through all files; it takes at most one part in this many of a build's time."""


class SpaceGuard:
    """Looks at what the container of a build's step has written, every few seconds.

    Parameters
    ----------
    size
        Bytes one step may write.
    free_space
        Bytes that have to be left on the disks.
    disks
        Directories of this host; the engine's own storage is added where it is on this host.
    """

    def __init__(self, *, engine: Engine, size: int, free_space: int, disks: tuple[Path, ...]) -> None:
        self._engine = engine
        self._containers = Containers(engine)
        self._size = size
        self._free_space = free_space
        self._disks = disks

    @asynccontextmanager
    async def watching(
        self, find: Callable[[], str | None], *, stop: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[None]:
        """Watch a build during the block, which is left with the reason when the build had to be stopped.

        Parameters
        ----------
        find
            Names the container of the step that runs; None while there is none.
        stop
            Ends the build.

        Raises
        ------
        BuildFailedError
            It wrote too much, or the disk is full.
        """
        reasons: list[BuildFailedError] = []
        task = asyncio.create_task(self._watch(find, stop, reasons), name="guard the disk")
        try:
            yield
            if reasons:
                raise reasons[0]
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _watch(
        self, find: Callable[[], str | None], stop: Callable[[], Awaitable[None]], reasons: list[BuildFailedError]
    ) -> None:
        taken = 0.0
        while not reasons:
            await asyncio.sleep(max(_CHECK.total_seconds(), _SHARE * taken))
            begun = monotonic()
            try:
                reason = await self._find_reason(find())
                taken = monotonic() - begun
                if reason is not None:
                    reasons.append(reason)  # before the end that it explains
                    await stop()
            except EngineError:
                continue  # whoever follows the build meets the same, and says so

    async def _find_reason(self, name: str | None) -> BuildFailedError | None:
        if name is not None and await self._containers.measure(name) > self._size:
            return BuildFailedError(
                code="out_of_disk",
                message=f"The build wrote more than {format_size(self._size)}",
                remedy="Make the environment smaller, or ask the operator for a larger BUILD_SIZE.",
            )
        storage = Path((await self._engine.info()).storage_root)
        for disk in (*self._disks, storage):
            if await asyncio.to_thread(self._is_full, disk):
                return explain_full_disk()
        return None

    def _is_full(self, disk: Path) -> bool:
        return disk.is_dir() and shutil.disk_usage(disk).free < self._free_space
