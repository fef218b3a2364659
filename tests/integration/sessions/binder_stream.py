"""Reading BinderHub's event stream as its clients do."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class Transcript:
    """What one connection brought: messages, their ids, and the answer's headers."""

    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    messages: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    @property
    def phases(self) -> list[str]:
        """The phases without repetitions."""
        phases = [message["phase"] for message in self.messages]
        return [phase for place, phase in enumerate(phases) if place == 0 or phases[place - 1] != phase]

    @property
    def last(self) -> dict[str, Any]:
        """The last message."""
        return self.messages[-1]


async def read_stream(client: httpx.AsyncClient, path: str, *, until: str | None = None, **options: Any) -> Transcript:
    """Read a stream to its end, or to the first message of a phase, where the client leaves."""
    transcript = Transcript()
    async with client.stream("GET", path, **options) as response:
        transcript.status, transcript.headers = response.status_code, response.headers
        async for line in response.aiter_lines():
            assert not line.startswith(("event:", "retry:"))
            if line.startswith("id: "):
                transcript.ids.append(line[4:])
            if line.startswith("data: "):
                transcript.messages.append(json.loads(line[6:]))
                if transcript.last["phase"] == until:
                    break
    assert len(transcript.ids) == len(transcript.messages)
    return transcript
