"""Many watchers of one build's log in one process: ``python -m benchmarks.watch_client``, steered by `watchers`.

Reads one JSON object from its input (port, path, token, watchers, lines), prints a line ``connected`` when every
watcher has its response's head, and at the end one JSON object. It must not be what is measured, so it parses each
piece of the stream once, however many watchers receive the same bytes.
"""

import asyncio
import json
import re
import sys
from array import array
from time import time
from typing import Any

import uvloop
from typing_extensions import override

from .figures import percentile

_LINE = re.compile(rb"id: (\d+)\ndata: [^\n]*? sent=(\d+\.\d+)")
_END = b"\n\n\r\n"
"""Events end with an empty line, and a piece of a chunked body with a line end."""

_AT_ONCE = 50
_DEADLINE = 90


class _Tally:
    """What all watchers have seen."""

    def __init__(self, *, watchers: int, lines: int) -> None:
        self.lines = lines
        self.lags = array("d")
        self.heads = asyncio.Semaphore(0)
        self.remaining = watchers
        self.done = asyncio.Event()
        self.broken = 0
        self._parsed: dict[bytes, list[tuple[int, float]]] = {}

    def parse(self, data: bytes) -> list[tuple[int, float]]:
        """Find numbers and times of the lines in some bytes; the same bytes are parsed once."""
        found = self._parsed.get(data)
        if found is None:
            found = [(int(match[1]), float(match[2])) for match in _LINE.finditer(data)]
            if len(self._parsed) > 1000:
                self._parsed.clear()
            self._parsed[data] = found
        return found

    def end(self) -> None:
        """Count one watcher that has everything."""
        self.remaining -= 1
        if self.remaining == 0:
            self.done.set()


class _Watcher(asyncio.Protocol):
    """One connection: sends the request, counts lines in their order."""

    def __init__(self, *, request: bytes, tally: _Tally) -> None:
        self._request = request
        self._tally = tally
        self._head = False
        self._rest = b""
        self._transport: asyncio.BaseTransport | None = None
        self.last = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]  # a stream transport

    @override
    def data_received(self, data: bytes) -> None:
        now = time()
        if self._rest:
            data = self._rest + data
        if not self._head:
            head, separator, data = data.partition(b"\r\n\r\n")
            if not separator:
                self._rest = head
                return
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            self._head = True
            self._tally.heads.release()
        if not data.endswith(_END):
            self._rest = data
            return
        self._rest = b""
        for number, sent in self._tally.parse(data):
            if number != self.last + 1:
                self._tally.broken += 1
            self.last = number
            self._tally.lags.append(now - sent)
        if self.last == self._tally.lines and self._transport is not None:
            self._transport.close()
            self._transport = None
            self._tally.end()


async def _watch(order: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    tally = _Tally(watchers=order["watchers"], lines=order["lines"])
    request = (
        f"GET {order['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {order['token']}\r\n\r\n"
    ).encode()
    watchers = []
    for start in range(0, order["watchers"], _AT_ONCE):
        group = min(_AT_ONCE, order["watchers"] - start)
        for _ in range(group):
            _, watcher = await loop.create_connection(
                lambda: _Watcher(request=request, tally=tally), "127.0.0.1", order["port"]
            )
            watchers.append(watcher)
        for _ in range(group):
            await tally.heads.acquire()
    print("connected", flush=True)
    try:
        async with asyncio.timeout(_DEADLINE):
            await tally.done.wait()
    except TimeoutError:
        pass  # the counts say who got what
    lags = sorted(tally.lags)
    return {
        "complete": sum(watcher.last == order["lines"] for watcher in watchers),
        "received": len(lags),
        "broken": tally.broken,
        "p50": percentile(lags, 50),
        "p99": percentile(lags, 99),
        "worst": lags[-1] if lags else None,
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_watch(json.load(sys.stdin)))))
