"""A user of a running instance, who launches and deletes as an API client does."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any

import httpx

from tests.e2e.launching import API
from tests.e2e.stack import Stack

_DEADLINE = 120


@dataclass(frozen=True, slots=True)
class Launched:
    """One launch that became ready: seconds from the request, altogether and of these at the hub."""

    server_name: str
    seconds: float
    spawning: float

    @property
    def control_plane(self) -> float:
        """What the launch took beside the hub's own start of the server."""
        return self.seconds - self.spawning


class Person:
    """One user with an HTTP client of their own."""

    def __init__(self, *, name: str, client: httpx.AsyncClient) -> None:
        self.name = name
        self.client = client

    async def ask(self, repo: str, *, ref: str = "HEAD") -> str:
        """Ask for a launch in a server of its own and return its id."""
        body = {"repo": repo, "ref": ref, "provider": "git", "new": True}
        answer = await self.client.post(f"{API}/launches", json=body)
        answer.raise_for_status()
        return str(answer.json()["id"])

    async def watch(self, launch_id: str) -> AsyncGenerator[dict[str, Any]]:
        """Yield the messages of a launch."""
        async with self.client.stream("GET", f"{API}/launches/{launch_id}/events") as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    yield json.loads(line[6:])

    async def launch(self, repo: str, *, ref: str = "HEAD") -> Launched:
        """Launch and wait until the server is ready; the hub's share is from its request to its answer, as recorded."""
        begun = perf_counter()
        async with asyncio.timeout(_DEADLINE):
            launch_id = await self.ask(repo, ref=ref)
            messages = [message async for message in self.watch(launch_id)]
        seconds = perf_counter() - begun
        if messages[-1]["phase"] != "ready":
            raise RuntimeError(messages[-1])
        asked = next(message["time"] for message in messages if message["phase"] == "spawn")
        spawning = datetime.fromisoformat(messages[-1]["time"]) - datetime.fromisoformat(asked)
        view = (await self.client.get(f"{API}/launches/{launch_id}")).json()
        return Launched(server_name=view["server_name"], seconds=seconds, spawning=spawning.total_seconds())

    async def time_first_message(self, repo: str) -> float:
        """Ask for a launch, give it up at the first message, and return the seconds until that came."""
        begun = perf_counter()
        launch_id = await self.ask(repo)
        async with aclosing(self.watch(launch_id)) as messages:
            await anext(messages)
        seconds = perf_counter() - begun
        await self.client.delete(f"{API}/launches/{launch_id}")
        return seconds

    async def delete(self, server_name: str) -> None:
        """Delete a server and wait until it is gone."""
        path = f"{API}/sessions/{server_name}"
        (await self.client.delete(path)).raise_for_status()
        async with asyncio.timeout(_DEADLINE):
            while (await self.client.get(path)).status_code != httpx.codes.NOT_FOUND:  # noqa: ASYNC110 at a service
                await asyncio.sleep(0.1)

    async def plan(self, repo: str) -> None:
        """Ask for the plan of a repository."""
        body = {"repo": repo, "provider": "git"}
        (await self.client.post("/services/builder/api/v1/plans", json=body)).raise_for_status()


@asynccontextmanager
async def signed_in(stack: Stack, name: str) -> AsyncIterator[Person]:
    """Create a user at the hub and sign in as them."""
    token = await asyncio.to_thread(stack.create_user, name)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60, trust_env=False) as client:
        yield Person(name=name, client=client)
