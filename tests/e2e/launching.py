"""Launching as an API client does, following the stream of messages."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

API = "/services/binder/api/v1"
DEADLINE = 180


@dataclass
class Stream:
    """What came over a launch's stream so far, across reconnections."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    reconnections: int = 0

    @property
    def last_id(self) -> str | None:
        """Where to resume."""
        return self.messages[-1]["id"] if self.messages else None

    @property
    def final(self) -> dict[str, Any] | None:
        """The last message, once it is final."""
        return self.messages[-1] if self.messages and self.messages[-1].get("final") else None

    @property
    def lines(self) -> list[int]:
        """Numbers of the build's log lines, in the order in which they came."""
        return [message["line"] for message in self.messages if "line" in message]


def read_events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """Decode the JSON of a server-sent event stream; events with a name are heartbeats."""
    named = False
    for line in answer.iter_lines():
        if line.startswith("data: ") and not named:
            yield json.loads(line.removeprefix("data: "))
        named = line.startswith("event: ")


def launch(client: httpx.Client, **request: Any) -> dict[str, Any]:
    """Ask for a launch and return its view."""
    answer = client.post(f"{API}/launches", json=request)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def follow(
    client: httpx.Client, launch_id: str, *, on_message: Callable[[dict[str, Any]], None] | None = None
) -> Stream:
    """Follow a launch to its end, resuming whenever the connection is lost."""
    stream = Stream()
    deadline = time.monotonic() + DEADLINE
    while stream.final is None:
        assert time.monotonic() < deadline, stream.messages[-3:]
        headers = {"Last-Event-ID": stream.last_id} if stream.last_id else {}
        try:
            with client.stream("GET", f"{API}/launches/{launch_id}/events", headers=headers) as answer:
                if answer.status_code == 200:
                    for message in read_events(answer):
                        stream.messages.append(message)
                        if on_message is not None:
                            on_message(message)
        except httpx.HTTPError:
            pass
        if stream.final is None:
            stream.reconnections += 1
            time.sleep(0.5)
    return stream


def launch_to_ready(client: httpx.Client, **request: Any) -> dict[str, Any]:
    """Launch and wait; return the launch's view when it is ready."""
    asked = launch(client, **request)
    stream = follow(client, asked["id"])
    assert stream.final is not None
    assert stream.final["phase"] == "ready", stream.final
    return dict(client.get(f"{API}/launches/{asked['id']}").json())


def list_servers(client: httpx.Client) -> list[dict[str, Any]]:
    """List a user's servers as soon as the service answers: a test may have killed it."""

    def read() -> httpx.Response | None:
        answer = client.get(f"{API}/sessions")
        return answer if answer.status_code == 200 else None

    return list(wait_for(read, what="the list of servers").json())


def wait_for(read: Callable[[], Any], *, seconds: float = 60, what: str = "the condition") -> Any:
    """Poll until something is true and return it."""
    deadline = time.monotonic() + seconds
    while not (value := read()):
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.25)
    return value
