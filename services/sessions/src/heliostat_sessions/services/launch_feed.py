"""The stream of one launch: its events, with the lines of its build between the wait for it and what came of it.

The id of a message is ``(version, line)``. Lines carry the version of the event with which the wait began, so they sort
after it and before the launch's next event, whoever reads and whenever: the merge is a function of what is stored. A
build writes its last line before it ends, so reading the lines once more when the next event is there gets all of them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.launches import LaunchEvent
from heliostat_core.eventstore import EventStore, Recorded
from heliostat_core.feed import Feeds, Frame, FrameId
from heliostat_core.ids import launch_stream
from heliostat_core.sse import NAMED, FeedResponse, build_frame
from heliostat_core.wakeups import Listening, Wakeups
from prometheus_client import Gauge
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from ..domain.messages import build_line_message, build_message
from .log_tails import LogTail, LogTails

_POLL = timedelta(seconds=1)
_HEARTBEAT = timedelta(seconds=15)


class WatchedFeedResponse(FeedResponse):
    """A stream that is counted while it is open."""

    def __init__(self, *, watchers: Gauge, **options: Any) -> None:
        super().__init__(**options)
        self._watchers = watchers

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._watchers.track_inprogress():
            await super().__call__(scope, receive, send)


class LaunchFeedService:
    """Streams launches.

    Parameters
    ----------
    watchers
        Counts open streams.
    """

    def __init__(self, *, store: EventStore, wakeups: Wakeups, feeds: Feeds, tails: LogTails, watchers: Gauge) -> None:
        self._watchers = watchers
        self._store = store
        self._wakeups = wakeups
        self._feeds = feeds
        self._tails = tails

    def stream(self, launch_id: UUID, *, after: FrameId | None, heartbeat: timedelta = _HEARTBEAT) -> FeedResponse:
        """Answer with the stream of a launch from a place on."""
        return WatchedFeedResponse(
            watchers=self._watchers,
            feeds=self._feeds,
            name=f"launch-{launch_id}",
            produce=lambda: self._produce(launch_id),
            after=after,
            heartbeat=heartbeat,
            filler=NAMED,
        )

    async def _produce(self, launch_id: UUID) -> AsyncIterator[list[Frame]]:
        version, place = 0, (0, 0)
        tail: LogTail | None = None
        async with AsyncExitStack() as stack:
            heard = stack.enter_context(self._wakeups.listening(f"stream:launch-{launch_id}"))
            while True:
                for event in await self._read(launch_id, version):
                    if tail is not None:
                        await tail.refresh()
                        yield _build_lines(place[0], tail, after=place[1])
                        tail = None
                    version, place = event.version, (event.version, 0)
                    message = build_message(event)
                    yield [Frame(id=place, data=_encode(message))]
                    if message.final:
                        return
                    if isinstance(event.data, kinds.LaunchBuildAwaited):
                        tail = await stack.enter_async_context(self._tails.watching(event.data.build_id))
                if tail is not None and (lines := _build_lines(place[0], tail, after=place[1])):
                    place = (place[0], lines[-1].id[1])
                    yield lines
                await _wait(heard, tail, after=place[1])

    async def _read(self, launch_id: UUID, version: int) -> list[Recorded]:
        async with self._store.database.transaction() as connection:
            return await self._store.read_stream(connection, launch_stream(launch_id), after=version)


async def _wait(heard: Listening, tail: LogTail | None, *, after: int) -> None:
    """Return when the launch or its build may have something new."""
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


def _build_lines(version: int, tail: LogTail, *, after: int) -> list[Frame]:
    return [
        Frame(id=(version, line.number), data=_encode(build_line_message(version, line)))
        for line in tail.list_after(after)
    ]


def _encode(message: LaunchEvent) -> bytes:
    return build_frame(message.id, message)
