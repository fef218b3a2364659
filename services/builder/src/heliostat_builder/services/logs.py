"""The numbered lines of a build's output: writing them under a lease, and following them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Self
from uuid import UUID

from heliostat_core.contracts.builds import LogEnd
from heliostat_core.contracts.events import Event
from heliostat_core.database import Database, DatabaseUnavailableError
from heliostat_core.feed import Frame
from heliostat_core.sse import build_frame
from heliostat_core.wakeups import Wakeups
from heliostat_core.work import Lease, LeaseLostError, WorkQueue

from ..domain.loglines import MAX_LENGTH, Redactor, cut
from ..storage.builds import BuildStorage

MAX_LINES = 50_000
"""Lines of output kept of one build; a build that prints more has gone wrong, or nobody reads it."""

MAX_SIZE = 8 * 2**20
"""Characters of output kept of one build; all of them are in memory while somebody watches."""

_BATCH_TIME = timedelta(milliseconds=100)
_BATCH = 500
_POLL = timedelta(seconds=2)


class BuildLog:
    """Writes one build's lines in batches, numbered on from what is there.

    Every batch is guarded by the lease: after it is lost not one more line is written.
    """

    def __init__(
        self,
        *,
        database: Database,
        builds: BuildStorage,
        queue: WorkQueue,
        wakeups: Wakeups,
        redactor: Redactor,
        build_id: UUID,
        lease: Lease,
        count: int,
    ) -> None:
        self._database = database
        self._builds = builds
        self._queue = queue
        self._wakeups = wakeups
        self._redactor = redactor
        self._build_id = build_id
        self._lease = lease
        self._pending: list[dict[str, Any]] = []
        self._writing = asyncio.Lock()
        self._lost = False
        self._full = count > MAX_LINES
        self._size = 0
        self.count = count

    async def say(self, phase: str, text: str) -> None:
        """Add a line of our own."""
        self.count += 1
        line = cut(self._redactor.redact(text))
        self._pending.append({"number": self.count, "phase": phase, "text": line})
        if len(self._pending) >= _BATCH:
            await self.flush()

    async def add(self, phase: str, text: str) -> None:
        """Add a line of output; from the limit on they are left out, and one line says so."""
        if self._full:
            return
        self._full = self.count >= MAX_LINES or self._size >= MAX_SIZE
        if self._full:
            text = f"[more than {MAX_LINES} lines or {MAX_SIZE} characters; the rest of the output is left out]"
        self._size += min(len(text), MAX_LENGTH)
        await self.say(phase, text)

    async def count_output(self, marker: str, phases: Sequence[str]) -> int | None:
        """Count the stored lines of output after our own line that says ``marker``; None when nobody has said it."""
        async with self._database.statements() as connection:
            return await self._builds.count_output(connection, self._build_id, marker=marker, phases=phases)

    async def flush(self) -> None:
        """Store what is waiting.

        Raises
        ------
        LeaseLostError
            The build is somebody else's by now.
        """
        async with self._writing:
            lines = list(self._pending)
            if self._lost:
                raise LeaseLostError(kind=self._lease.kind, key=self._lease.key)
            if not lines:
                return
            async with self._database.transaction() as connection:
                await self._queue.guard(connection, self._lease)
                await self._builds.add_lines(connection, self._build_id, lines)
            del self._pending[: len(lines)]
        self._wakeups.announce(f"log:{self._build_id}")

    async def end(self, event: Event, *, actor: str) -> None:
        """Store what is waiting, the last event of the build and the end of the work, in one transaction.

        Raises
        ------
        LeaseLostError
            The build is somebody else's by now.
        """
        async with self._writing:
            async with self._database.transaction() as connection:
                await self._queue.guard(connection, self._lease)
                if self._pending:
                    await self._builds.add_lines(connection, self._build_id, self._pending)
                await self._queue.finish(connection, self._lease)
                await self._builds.append(connection, self._build_id, event, actor=actor)
            self._pending.clear()
        self._wakeups.announce(f"log:{self._build_id}", f"stream:build-{self._build_id}", "work:build")

    @asynccontextmanager
    async def flushing(self) -> AsyncIterator[Self]:
        """Store lines as they come while the body runs."""
        task = asyncio.create_task(self._keep_flushing(), name=f"flush log {self._build_id}")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(_BATCH_TIME.total_seconds())
            try:
                await self.flush()
            except LeaseLostError:
                self._lost = True  # whoever holds the lease for the body ends it
                return
            except DatabaseUnavailableError:
                continue


class LogService:
    """Follows logs, for any number of readers."""

    def __init__(self, *, database: Database, builds: BuildStorage, wakeups: Wakeups) -> None:
        self._database = database
        self._builds = builds
        self._wakeups = wakeups

    async def watch_frames(self, build_id: UUID) -> AsyncIterator[list[Frame]]:
        """Yield all lines of a build from the first, and after the last one how it ended."""
        number = 0
        with self._wakeups.listening(f"log:{build_id}", f"stream:build-{build_id}") as heard:
            while True:
                async with self._database.statements() as connection:
                    # The state first: when it is final, the lines read after it are all there are.
                    build = await self._builds.read(connection, build_id)
                    lines = await self._builds.list_lines(connection, build_id, after=number)
                if lines:
                    number = lines[-1].number
                    yield [Frame(id=(line.number,), data=build_frame(str(line.number), line)) for line in lines]
                elif build is None:
                    return
                elif build.state.final:
                    end = LogEnd(state=build.state, failure=build.failure)
                    yield [Frame(id=(number + 1,), data=build_frame(str(number + 1), end))]
                    return
                else:
                    await heard.wait(at_most=_POLL)

    async def watch_text(self, build_id: UUID, *, after: int) -> AsyncIterator[str]:
        """Yield the lines that are there now, as plain text."""
        number = after
        while True:
            async with self._database.statements() as connection:
                lines = await self._builds.list_lines(connection, build_id, after=number)
            if not lines:
                return
            number = lines[-1].number
            yield "".join(f"{line.text}\n" for line in lines)
