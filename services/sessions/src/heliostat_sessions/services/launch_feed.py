"""The stream of one launch: its events, with the lines of its build between the wait for it and what came of it.

The id of a message is ``(version, line)``. Lines carry the version of the event with which the wait began, so they sort
after it and before the launch's next event, whoever reads and whenever: the merge is a function of what is stored. A
build writes its last line before it ends, so reading the lines once more when the next event is there gets all of them.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from typing import Any
from uuid import UUID

from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.launches import LaunchEvent
from heliostat_core.errors import NotFoundError
from heliostat_core.eventstore import EventStore, Recorded
from heliostat_core.feed import Feeds, Frame, FrameId
from heliostat_core.ids import launch_stream
from heliostat_core.sse import NAMED, FeedResponse, build_frame
from heliostat_core.wakeups import Wakeups
from prometheus_client import Gauge
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from ..domain.messages import build_line_message, build_message
from .log_tails import LogTail, LogTails, wait_for_news

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

    async def _produce(self, launch_id: UUID) -> AsyncGenerator[list[Frame]]:
        async with aclosing(self.watch(launch_id)) as messages:
            async for group in messages:
                yield [_build_frame(message) for message in group]

    async def watch(self, launch_id: UUID) -> AsyncGenerator[list[LaunchEvent]]:
        """Yield the messages of a launch from its first to its last, in groups as they come.

        Raises
        ------
        NotFoundError
            There is no such launch.
        """
        version, place = 0, (0, 0)
        tail: LogTail | None = None
        async with AsyncExitStack() as stack:
            heard = stack.enter_context(self._wakeups.listening(f"stream:launch-{launch_id}"))
            while True:
                events = await self._read(launch_id, version)
                if not events and version == 0:
                    raise NotFoundError(what="launch", key=str(launch_id))
                for event in events:
                    if tail is not None:
                        await tail.refresh()
                        yield _build_lines(place[0], tail, after=place[1])
                        tail = None
                    version, place = event.version, (event.version, 0)
                    message = build_message(event)
                    yield [message]
                    if message.final:
                        return
                    if isinstance(event.data, kinds.LaunchBuildAwaited):
                        tail = await stack.enter_async_context(self._tails.watching(event.data.build_id))
                if tail is not None and (lines := _build_lines(place[0], tail, after=place[1])):
                    place = (place[0], place[1] + len(lines))
                    yield lines
                await wait_for_news(heard, tail, after=place[1])

    async def _read(self, launch_id: UUID, version: int) -> list[Recorded]:
        async with self._store.database.statements() as connection:
            return await self._store.read_stream(connection, launch_stream(launch_id), after=version)


def _build_lines(version: int, tail: LogTail, *, after: int) -> list[LaunchEvent]:
    return [build_line_message(version, line) for line in tail.list_after(after)]


def _build_frame(message: LaunchEvent) -> Frame:
    version, line = message.id.split(".")
    return Frame(id=(int(version), int(line)), data=build_frame(message.id, message))
