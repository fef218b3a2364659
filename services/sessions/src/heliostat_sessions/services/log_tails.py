"""The output of builds as it comes in: one reader of the database per build and process, however many launches wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog
from heliostat_core.contracts.builds import LogLine
from heliostat_core.database import Database
from heliostat_core.errors import UnavailableError
from heliostat_core.wakeups import Listening, Wakeups

from ..storage.log_lines import LogLineStorage

_POLL = timedelta(seconds=1)
_PAGE = 2000


class LogTail:
    """The lines of one build so far."""

    def __init__(self, build_id: UUID, *, database: Database, storage: LogLineStorage) -> None:
        self.build_id = build_id
        self.lines: list[LogLine] = []
        self.readers = 0
        self._database = database
        self._storage = storage
        self._reading = asyncio.Lock()
        self._grown = asyncio.Event()

    async def refresh(self) -> None:
        """Read what is new."""
        async with self._reading:
            while True:
                after = self.lines[-1].number if self.lines else 0
                async with self._database.statements() as connection:
                    new = await self._storage.list_after(connection, self.build_id, after=after, most=_PAGE)
                if not new:
                    return
                self.lines.extend(new)
                self._grown.set()
                self._grown = asyncio.Event()

    def list_after(self, number: int) -> list[LogLine]:
        """List the lines after a number; they are counted from 1 without a gap."""
        return self.lines[number:]

    async def wait(self, *, after: int) -> None:
        """Return when there are lines after a number."""
        while len(self.lines) <= after:
            await self._grown.wait()


class LogTails:
    """The tails of one process; an async context manager that owns their readers."""

    def __init__(self, *, database: Database, storage: LogLineStorage, wakeups: Wakeups) -> None:
        self._database = database
        self._storage = storage
        self._wakeups = wakeups
        self._tails: dict[UUID, tuple[LogTail, asyncio.Task[None]]] = {}
        self._log = structlog.get_logger()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [task for _, task in self._tails.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    @asynccontextmanager
    async def watching(self, build_id: UUID) -> AsyncIterator[LogTail]:
        """Join the tail of a build, starting its reader for the first and stopping it after the last."""
        if build_id not in self._tails:
            new = LogTail(build_id, database=self._database, storage=self._storage)
            self._tails[build_id] = (new, asyncio.create_task(self._follow(new), name=f"log of build {build_id}"))
        tail, task = self._tails[build_id]
        tail.readers += 1
        try:
            yield tail
        finally:
            tail.readers -= 1
            if tail.readers == 0:
                del self._tails[build_id]
                task.cancel()

    async def _follow(self, tail: LogTail) -> None:
        with self._wakeups.listening(f"log:{tail.build_id}") as heard:
            while True:
                try:
                    await tail.refresh()
                except UnavailableError as error:  # readers see the lines when the database is back
                    self._log.warning("log of a build cannot be read", build=str(tail.build_id), error=error.code)
                await heard.wait(at_most=_POLL)


async def wait_for_news(heard: Listening, tail: LogTail | None, *, after: int) -> None:
    """Return when what is listened to, or the build it waits for, may have something new."""
    if tail is None:
        await heard.wait(at_most=_POLL)
        return
    waits = [
        asyncio.create_task(heard.wait(at_most=_POLL), name="wait for the launch"),
        asyncio.create_task(tail.wait(after=after), name=f"wait for build {tail.build_id}"),
    ]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()
        await asyncio.wait(waits)
