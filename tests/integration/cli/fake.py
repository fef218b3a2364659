"""A Heliostat that says what it was told to, and loses connections the way a real one does."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

TOKEN = "the-callers-token"


class End(Enum):
    """How a connection of a stream ends after its frames."""

    CLOSE = "in good order"
    DROP = "without the end of the response"
    CUT = "dropped in the middle of the next frame"
    SILENCE = "never, and no byte comes"
    HEARTBEATS = "after a second of heartbeats and all the other frames"


@dataclass(frozen=True)
class Leg:
    """One connection: how many frames more it gives, and how it ends. None gives all."""

    frames: int | None
    end: End = End.CLOSE


@dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any


class DroppedError(Exception):
    """Makes the server cut the connection."""


class FakeHeliostat:
    """An ASGI app with one list of answers per ``METHOD path``; the last of a list is given from then on."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.frames: dict[str, list[tuple[str, bytes]]] = {}
        self.legs: dict[str, list[Leg]] = {}

    def answer(self, what: str, *answers: tuple[int, BaseModel | list[BaseModel] | str]) -> None:
        """Answer ``METHOD path`` with these, one after the other; text is sent as it is."""
        self.answers[what] = [(status, _encode(body)) for status, body in answers]

    def stream(self, path: str, frames: Sequence[tuple[str, BaseModel]], *legs: Leg) -> None:
        """Stream these frames over connections that end as told; further connections give all."""
        self.frames[path] = [
            (event_id, f"id: {event_id}\ndata: {data.model_dump_json(exclude_none=True)}\n\n".encode())
            for event_id, data in frames
        ]
        self.legs[path] = list(legs)

    def resumed_from(self, path: str) -> list[str | None]:
        """List the ids from which a stream was asked for, connection by connection."""
        return [request.headers.get("last-event-id") for request in self.requests if request.path == path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        request = await _read(scope, receive)
        self.requests.append(request)
        what = f"{request.method} {request.path}"
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            await _answer(send, 401, b'{"code": "unauthenticated", "message": "no valid token"}')
        elif request.path in self.frames:
            await self._stream(request, receive, send)
        elif what in self.answers:
            answers = self.answers[what]
            await _answer(send, *(answers.pop(0) if len(answers) > 1 else answers[0]))
        else:
            await _answer(send, 404, b'{"code": "not_found", "message": "nothing of that name"}')

    async def _stream(self, request: Request, receive: Receive, send: Send) -> None:
        frames, legs = self.frames[request.path], self.legs[request.path]
        leg = legs.pop(0) if legs else Leg(None)
        last = request.headers.get("last-event-id")
        start = next((index + 1 for index, (event_id, _) in enumerate(frames) if event_id == last), 0)
        end = len(frames) if leg.frames is None else start + leg.frames
        await _begin(send, 200, b"text/event-stream; charset=utf-8")
        for _, data in frames[start:end]:
            await _send(send, data)
        if leg.end is End.CUT:
            await _send(send, frames[end][1][:-5])
        if leg.end in {End.CUT, End.DROP}:
            raise DroppedError
        if leg.end is End.SILENCE:
            await receive()  # until the client goes
            return
        if leg.end is End.HEARTBEATS:
            for _ in range(10):
                await asyncio.sleep(0.1)
                await _send(send, b": heartbeat\n\n")
            for _, data in frames[end:]:
                await _send(send, data)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _encode(body: BaseModel | list[BaseModel] | str) -> bytes:
    match body:
        case str():
            return body.encode()
        case BaseModel():
            return body.model_dump_json().encode()
        case _:
            return json.dumps([item.model_dump(mode="json") for item in body]).encode()


async def _live(receive: Receive, send: Send) -> None:
    for word in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{word}.complete"})


async def _read(scope: Scope, receive: Receive) -> Request:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    content = json.loads(body) if body else None
    return Request(scope["method"], scope["path"], scope["query_string"].decode(), headers, content)


async def _begin(send: Send, status: int, kind: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _answer(send: Send, status: int, body: bytes) -> None:
    await _begin(send, status, b"application/json")
    await send({"type": "http.response.body", "body": body})
