"""Reading server-sent events in tests."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx


async def read_events(client: httpx.AsyncClient, path: str, **options: Any) -> AsyncIterator[dict[str, Any]]:
    """Yield the data of each event of a stream; its id is checked against the data."""
    async with client.stream("GET", path, timeout=30, **options) as response:
        assert response.status_code == 200, await response.aread()
        event_id = ""
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                event_id = line[4:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
                assert data["id"] == event_id
                yield data


async def list_events(client: httpx.AsyncClient, path: str, **options: Any) -> list[dict[str, Any]]:
    """Read a stream to its end."""
    return [event async for event in read_events(client, path, **options)]
