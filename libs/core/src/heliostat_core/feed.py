"""One producer, many readers: how a thousand watchers of a build cost one reader of the database.

A feed holds the encoded frames of one thing from its first to its last. Readers keep their own place in it, so a late
one gets everything and a slow one holds up nobody. A feed lives while it is watched.
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

FrameId = tuple[int, ...]
"""Where a frame stands; compares in the order of the feed."""

_CHUNK = 64 * 1024
"""Bytes sent at once to a reader that catches up."""

_GATHER = timedelta(milliseconds=100)
"""New frames are gathered this long before readers are woken, so that many readers cost few wake-ups."""


class FeedStoppedError(Exception):
    """The process stops while a feed is read; an end without this would look like the end of what is read."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded message and its place."""

    id: FrameId
    data: bytes


Producer = Callable[[], AsyncIterator[list[Frame]]]


class Feed:
    """The frames of one thing so far, and whether more will come."""

    def __init__(self) -> None:
        self._ids: list[FrameId] = []
        self._frames: list[bytes] = []
        self._ended = False
        self._error: Exception | None = None
        self._changed = asyncio.Event()
        self._joined: tuple[int, int, bytes] = (0, 0, b"")
        self.readers = 0

    async def run(self, produce: Producer) -> None:
        """Take everything the producer gives until it ends."""
        try:
            async for frames in produce():
                self._ids.extend(frame.id for frame in frames)
                self._frames.extend(frame.data for frame in frames)
                self._wake()
                await asyncio.sleep(_GATHER.total_seconds() if self.readers > 1 else 0)
        except asyncio.CancelledError:
            self._error = FeedStoppedError()
            raise
        except Exception as error:  # noqa: BLE001 handed to the readers, who are where it can be answered
            self._error = error
        finally:
            self._ended = True
            self._wake()

    async def read(self, *, after: FrameId | None, heartbeat: timedelta) -> AsyncIterator[bytes]:
        """Yield joined frames after a place, and empty bytes when nothing came for a heartbeat; end with the feed."""
        place = 0 if after is None else bisect_right(self._ids, after)
        while True:
            changed = self._changed
            if place < len(self._frames):
                # A place behind the reader's own id is skipped when the producer had not reached it yet on arrival.
                place, data = self._take(place, after)
                if data:
                    yield data
            elif self._ended:
                if self._error is not None:
                    raise self._error
                return
            else:
                try:
                    async with asyncio.timeout(heartbeat.total_seconds()):
                        await changed.wait()
                except TimeoutError:
                    yield b""

    def _take(self, place: int, after: FrameId | None) -> tuple[int, bytes]:
        if after is not None and self._ids[place] <= after:
            return bisect_right(self._ids, after), b""
        start, end, data = self._joined
        if start == place and end == min(len(self._frames), self._end_of_chunk(place)):
            return end, data
        end = self._end_of_chunk(place)
        data = b"".join(self._frames[place:end])
        self._joined = (place, end, data)
        return end, data

    def _end_of_chunk(self, place: int) -> int:
        size = 0
        for index in range(place, len(self._frames)):
            size += len(self._frames[index])
            if size >= _CHUNK:
                return index + 1
        return len(self._frames)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Feeds:
    """The feeds of one process by name; an async context manager that owns their producers."""

    def __init__(self) -> None:
        self._feeds: dict[str, tuple[Feed, asyncio.Task[None]]] = {}

    @property
    def readers(self) -> int:
        """How many are reading now, of all feeds together."""
        return sum(feed.readers for feed, _ in self._feeds.values())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [task for _, task in self._feeds.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._feeds.clear()

    @asynccontextmanager
    async def watching(self, name: str, produce: Producer) -> AsyncIterator[Feed]:
        """Join the feed of that name, starting its producer for the first reader and stopping it after the last."""
        if name not in self._feeds:
            new = Feed()
            self._feeds[name] = (new, asyncio.create_task(new.run(produce), name=f"feed {name}"))
        feed, task = self._feeds[name]
        feed.readers += 1
        try:
            yield feed
        finally:
            feed.readers -= 1
            if feed.readers == 0 and self._feeds.get(name) == (feed, task):
                del self._feeds[name]
                task.cancel()
