"""Server-sent events (WHATWG HTML standard, section 9.2): writing frames, resuming, streaming feeds."""

from collections.abc import AsyncIterator
from datetime import timedelta

from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from .errors import ClientError
from .feed import Feeds, FrameId, Producer

HEARTBEAT = timedelta(seconds=15)
"""Something this often keeps proxies from closing a silent stream."""

COMMENT = b": heartbeat\n\n"
"""What fills silence, and no reader sees."""

NAMED = b"event: heartbeat\ndata: {}\n\n"
"""What fills silence so that scripts of a page notice too: without an id, and not a ``message``."""

_LONGEST_NUMBER = 15
"""Digits of one part of an id; more is no number of ours."""

_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


class BadEventIdError(ClientError):
    """The id to resume from is not one this stream gives out."""

    code = "bad_event_id"
    status = 400

    def __init__(self, *, value: str) -> None:
        super().__init__(
            f"{value!r} is not an event id of this stream",
            field="Last-Event-ID",
            remedy="Send an id you received on this stream, or none to begin at the start.",
        )


def build_frame(event_id: str, data: BaseModel) -> bytes:
    """Write one unnamed event; JSON holds no raw line end, so one ``data:`` line is enough."""
    return f"id: {event_id}\ndata: {data.model_dump_json(exclude_none=True)}\n\n".encode()


def read_event_id(*values: str | None, parts: int) -> FrameId | None:
    """Read the first id given (header before query) of ``parts`` numbers joined by dots.

    Raises
    ------
    BadEventIdError
        It is something else.
    """
    value = next((value for value in values if value), None)
    if value is None:
        return None
    pieces = value.split(".")
    if len(pieces) != parts or not all(
        piece.isascii() and piece.isdigit() and len(piece) <= _LONGEST_NUMBER for piece in pieces
    ):
        raise BadEventIdError(value=value)
    return tuple(int(piece) for piece in pieces)


class FeedResponse(StreamingResponse):
    """Streams one feed as server-sent events, from a place on, with heartbeats."""

    def __init__(
        self,
        *,
        feeds: Feeds,
        name: str,
        produce: Producer,
        after: FrameId | None,
        heartbeat: timedelta = HEARTBEAT,
        filler: bytes = COMMENT,
    ) -> None:
        super().__init__(self._stream(), media_type="text/event-stream", headers=_HEADERS)
        self._feeds = feeds
        self._name = name
        self._produce = produce
        self._after = after
        self._heartbeat = heartbeat
        self._filler = filler

    async def _stream(self) -> AsyncIterator[bytes]:
        async with self._feeds.watching(self._name, self._produce) as feed:
            async for data in feed.read(after=self._after, heartbeat=self._heartbeat):
                yield data or self._filler

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # The generator holds the place at the feed; without this it is given up only when collected as garbage.
            await self.body_iterator.aclose()  # type: ignore[attr-defined]  # it is the generator above
