"""Group commit inside one process, for appends that need nothing else in their transaction.

A transaction costs three round trips, a flush to disk and most of a millisecond of Python, whatever it holds. Appends
that come while one is under way are therefore written together by the next. An append that comes alone does not wait.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ..database import DatabaseUnavailableError
from ..ids import StreamId
from .records import Append, NewEvent, Recorded
from .store import EventStore

_MOST = 64
"""Appends in one transaction: enough for the cost of a transaction not to matter, and still a short one."""


@dataclass(eq=False, frozen=True, slots=True)
class _Waiting:
    append: Append
    done: asyncio.Future[list[Recorded]]


class GroupedAppends:
    """Appends, each as if in a transaction of its own; an async context manager that owns the one task that writes.

    Parameters
    ----------
    store
        The log; its read models are kept in step as always.
    """

    def __init__(self, *, store: EventStore) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait([self._writer])

    async def append(self, stream: StreamId, events: Sequence[NewEvent], *, expected: int) -> list[Recorded]:
        """Append to one stream and return when it is committed.

        Whoever is cancelled while waiting does not know whether it was written, as with any commit.

        Raises
        ------
        StreamConflictError
            The stream is not at version ``expected``; appends to other streams are not affected.
        DatabaseUnavailableError
            Postgres is down or the connection broke; it may have been written.
        """
        append = Append(stream=stream, events=events, expected=expected)
        waiting = _Waiting(append=append, done=asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        # Between the writer's last look at the list and its end there is no await, so nothing is left waiting.
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), name="write appends")
        return await waiting.done

    async def _write(self) -> None:
        group: list[_Waiting] = []
        try:
            while self._waiting:
                taken, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                group = [waiting for waiting in taken if not waiting.done.done()]
                if group:
                    await self._settle(group)
        finally:
            for waiting in (*group, *self._waiting):
                waiting.done.cancel()
            self._waiting = []

    async def _settle(self, group: Sequence[_Waiting]) -> None:
        """Write a group or, when that cannot be, each by itself, so that one that fails fails alone."""
        try:
            results = await self._commit([waiting.append for waiting in group])
        except DatabaseUnavailableError as error:
            for waiting in group:
                _fail(waiting, error)
        except Exception as error:  # noqa: BLE001 handed to whoever asked
            if len(group) == 1:
                _fail(group[0], error)
                return
            for waiting in group:
                await self._settle([waiting])
        else:
            for waiting, recorded in zip(group, results, strict=True):
                if not waiting.done.done():
                    waiting.done.set_result(recorded)

    async def _commit(self, appends: Sequence[Append]) -> list[list[Recorded]]:
        """Write in one transaction, in one order in all processes, so that two of them do not wait for each other."""
        order = sorted(range(len(appends)), key=lambda place: appends[place].stream)
        async with self._store.database.transaction() as connection:
            if len(appends) == 1:
                (append,) = appends
                return [await self._store.append(connection, append.stream, append.events, expected=append.expected)]
            results = await self._store.append_all(connection, [appends[place] for place in order])
        recorded = dict(zip(order, results, strict=True))
        return [recorded[place] for place in range(len(appends))]


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
