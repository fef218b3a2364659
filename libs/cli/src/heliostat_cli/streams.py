"""Following a stream of server-sent events through lost connections: every event once, in order.

The services number their events and resume after any id, so what was not received before a connection broke comes
again, and what was received does not. The format is section 9.2 of the WHATWG HTML standard; only ``id`` and ``data``
are used, and events with a name, which are heartbeats, are left out. Lines end at line feeds alone: JSON may hold
other characters that Unicode calls line ends.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from .backoff import Backoff
from .errors import CommandError, RefusedError, UnexpectedAnswerError, UnreachableError
from .http import HttpClient

GIVE_UP_AFTER = timedelta(minutes=5)
"""How long a stream may stay lost; services restart in seconds."""

_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Frame:
    """One event as it came."""

    id: str
    data: bytes


def read_frames(chunks: Iterable[bytes], *, on_bytes: Callable[[], None]) -> Iterator[Frame]:
    """Read events from bytes however they are cut; one that has not come to its end is not given.

    ``on_bytes`` is called for every piece that arrives, heartbeats included.
    """
    rest, event_id = b"", ""
    data: list[bytes] = []
    named = False
    for chunk in chunks:
        on_bytes()
        *lines, rest = (rest + chunk).split(b"\n")
        for raw in lines:
            line = raw.removesuffix(b"\r")
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if not line:
                if data and not named:
                    yield Frame(id=event_id, data=b"\n".join(data))
                data, named = [], False
            elif name == b"id":
                event_id = value.decode()
            elif name == b"event":
                named = bool(value)
            elif name == b"data":
                data.append(value)


class ResumingStream:
    """One stream of events, followed to its end.

    Parameters
    ----------
    is_over
        Asks whether what the stream tells about will not change any more. A stream is at its end when this was so
        before it was opened and it then closed without anything new: a service that stops closes its streams in good
        order too.
    on_lost
        Told once per outage why the connection was lost.
    """

    def __init__(
        self,
        http: HttpClient,
        path: str,
        *,
        after: str | None,
        is_over: Callable[[], bool],
        on_lost: Callable[[CommandError | None], None],
        backoff: Backoff | None = None,
    ) -> None:
        self._http = http
        self._path = path
        self._last = after
        self._is_over = is_over
        self._on_lost = on_lost
        self._backoff = backoff or Backoff(give_up_after=GIVE_UP_AFTER)
        self._in_touch = True

    def read(self) -> Iterator[Frame]:
        """Give every event once.

        Raises
        ------
        CommandError
            The stream was refused, or stayed lost for too long.
        """
        while True:
            lost: CommandError | None = None
            try:
                over, last = self._is_over(), self._last
                yield from self._read_once()
                if over and self._last == last:
                    return
                if over:
                    continue
            except (UnreachableError, UnexpectedAnswerError) as error:  # a proxy that restarts answers in its own words
                lost = error
            except RefusedError as error:
                if error.status < _SERVER_ERROR and error.status != _TOO_MANY_REQUESTS:
                    raise
                lost = error
            self._pause(lost)

    def _read_once(self) -> Iterator[Frame]:
        with self._http.stream(self._path, after=self._last) as chunks:
            for frame in read_frames(chunks, on_bytes=self._hear):
                if self._last is None or _place(frame.id) > _place(self._last):
                    self._last = frame.id
                    yield frame

    def _hear(self) -> None:
        self._in_touch = True
        self._backoff.reset()

    def _pause(self, lost: CommandError | None) -> None:
        if self._in_touch:
            self._on_lost(lost)
        self._in_touch = False
        if not self._backoff.wait():
            raise lost or UnreachableError(url=self._path, reason="the stream keeps closing before its end", sent=True)


def _place(event_id: str) -> tuple[int, ...]:
    """Compare ids as the numbers joined by dots that they are; anything else sorts first."""
    parts = event_id.split(".")
    return tuple(int(part) for part in parts) if all(part.isascii() and part.isdigit() for part in parts) else ()
