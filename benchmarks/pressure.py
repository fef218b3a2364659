"""A whole instance under pressure: servers that start slowly, and many questions that are answered from memory."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from time import perf_counter

import httpx

from tests.e2e.launching import API
from tests.e2e.stack import Stack
from tests.support.gitserver import GitServer, running_git_server

from .figures import Figure, percentile, run
from .person import Person, signed_in
from .services import MIB
from .stack import SERVICES, read_address, read_process, running_instance

_LIMIT = timedelta(minutes=4)
_SLOW = 12
_PROBES = 10
_CONNECTIONS = 32
_WARM_UP = 5.0
_CHECKING = 40.0
_GROWTH = 16
"""MiB that count as flat: allocators keep some of what a burst used."""

_SLOW_START = """\
#!/bin/bash
sleep 90
exec "$@"
"""


def measure_pressure() -> Sequence[Figure]:
    """Measure answers while servers start slowly, and memory while many ask for plans."""
    with running_git_server() as git, running_instance() as stack:
        return run(_measure(stack, git), limit=_LIMIT)


async def _measure(stack: Stack, git: GitServer) -> list[Figure]:
    quick = await asyncio.to_thread(git.create, "astro/quick")
    await asyncio.to_thread(quick.commit, {"notes.txt": "seen"})
    slow = await asyncio.to_thread(git.create, "astro/slow")
    await asyncio.to_thread(slow.commit, {"start": _SLOW_START}, executable=("start",))
    async with signed_in(stack, "ada") as ada:
        built = await ada.launch(quick.url)
        await ada.delete(built.server_name)
        waiting = await _measure_while_spawning(stack, ada, quick.url, slow.url)
        return [*waiting, *await _measure_checks(stack, ada, quick.url)]


async def _measure_while_spawning(stack: Stack, ada: Person, quick: str, slow: str) -> list[Figure]:
    async with AsyncExitStack() as resources:
        names = [f"waiting-{number}" for number in range(_SLOW)]
        people = [await resources.enter_async_context(signed_in(stack, name)) for name in names]
        launches = [(person, await person.ask(slow)) for person in people]
        watching = [asyncio.create_task(_wait_for_start(person, launch_id)) for person, launch_id in launches]
        await asyncio.gather(*watching)
        health = await _time_health(f"{read_address(stack, 'sessions')}/healthz")
        first = [await ada.time_first_message(quick) for _ in range(_PROBES)]
        await asyncio.gather(*(person.client.delete(f"{API}/launches/{launch_id}") for person, launch_id in launches))
    of = f"{_SLOW} slow starts"
    return [
        Figure(f"{of}: first message of a launch p50", percentile(first, 50) * 1000, "ms", at_most=200),
        Figure(f"{of}: first message of a launch, worst", max(first) * 1000, "ms"),
        Figure(f"{of}: /healthz p50", percentile(health, 50) * 1000, "ms", at_most=200),
        Figure(f"{of}: /healthz, worst", max(health) * 1000, "ms"),
    ]


async def _wait_for_start(person: Person, launch_id: str) -> None:
    """Wait until the hub says that the server's program starts."""
    async for message in person.watch(launch_id):
        if "is starting" in message["message"]:
            return
        if message["final"]:
            raise RuntimeError(message)


async def _time_health(url: str) -> list[float]:
    seconds = []
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(_PROBES):
            begun = perf_counter()
            (await client.get(url)).raise_for_status()
            seconds.append(perf_counter() - begun)
            await asyncio.sleep(0.1)
    return seconds


async def _measure_checks(stack: Stack, ada: Person, repo: str) -> list[Figure]:
    await _check(ada, repo, _WARM_UP)
    before = {name: _read_memory(stack, name) for name in SERVICES}
    checks = await _check(ada, repo, _CHECKING)
    of = f"{_CHECKING:.0f} s of plans, {_CONNECTIONS} connections"
    return [
        Figure(f"{of}: plans", checks / _CHECKING, "/s"),
        *(
            Figure(f"{of}: memory added by {name}", _read_memory(stack, name) - before[name], "MiB", at_most=_GROWTH)
            for name in SERVICES
        ),
    ]


async def _check(person: Person, repo: str, seconds: float) -> int:
    count = 0
    end = perf_counter() + seconds

    async def ask() -> None:
        nonlocal count
        while perf_counter() < end:
            await person.plan(repo)
            count += 1

    await asyncio.gather(*(ask() for _ in range(_CONNECTIONS)))
    return count


def _read_memory(stack: Stack, component: str) -> float:
    return float(read_process(stack, component).memory_info().rss) / MIB
