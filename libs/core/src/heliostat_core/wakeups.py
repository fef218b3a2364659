"""Hints that something is new. They only shorten a poll: nothing depends on one arriving.

Senders tell their own process at once and others through Postgres. ``NOTIFY`` inside a writing transaction takes a lock
that serialises commits, so hints are gathered and sent after the commit, at most fifty times a second.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import asyncpg

from .database import Database

_SEND_INTERVAL = timedelta(milliseconds=20)
_LISTEN_CHECK = timedelta(seconds=5)


class Listening:
    """What was announced under some topics since the last wait."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    async def wait(self, *, at_most: timedelta) -> None:
        """Return when something was announced since the last wait ended, or after a while."""
        try:
            async with asyncio.timeout(at_most.total_seconds()):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()


class Wakeups:
    """Topics of one process: wait for one, announce one.

    Parameters
    ----------
    database
        The pool through which hints are sent.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._outbox: set[str] = set()
        self._pending = asyncio.Event()

    def announce(self, *topics: str) -> None:
        """Wake waiters of these topics here now, and those of other processes soon. Call it after the commit."""
        for topic in topics:
            self._wake(topic)
        self._outbox.update(topics)
        self._pending.set()

    @contextmanager
    def listening(self, *topics: str) -> Iterator["Listening"]:
        """Hear these topics from now on, so that a hint between reading and waiting is not missed."""
        event = asyncio.Event()
        for topic in topics:
            self._waiting[topic].add(event)
        try:
            yield Listening(event)
        finally:
            for topic in topics:
                self._waiting[topic].discard(event)
                if not self._waiting[topic]:
                    del self._waiting[topic]

    async def wait(self, *topics: str, at_most: timedelta) -> None:
        """Return when one of the topics is announced, or after a while."""
        with self.listening(*topics) as heard:
            await heard.wait(at_most=at_most)

    async def send(self) -> None:
        """Send what was announced to other processes, for ever. A background job."""
        while True:
            await self._pending.wait()
            self._pending.clear()
            topics, self._outbox = self._outbox, set()
            await self._database.notify(topics)
            await asyncio.sleep(_SEND_INTERVAL.total_seconds())

    async def listen(self) -> None:
        """Hear other processes, for ever, until the connection breaks. A background job."""
        url = self._database.engine.url
        connection = await asyncpg.connect(
            user=url.username, password=url.password, database=url.database,
            host=url.host or url.query.get("host"), port=url.port or 5432, timeout=10,
        )  # fmt: skip
        try:
            await connection.add_listener("heliostat", lambda _c, _p, _ch, topic: self._wake(topic))
            while True:
                await asyncio.sleep(_LISTEN_CHECK.total_seconds())
                await connection.execute("SELECT 1", timeout=5)
        finally:
            connection.terminate()

    def _wake(self, topic: str) -> None:
        for event in self._waiting.get(topic, ()):
            event.set()
