"""Launches that wait for a build: the log in the stream, failures, cancellation."""

import asyncio
from typing import Any

from heliostat_core.contracts.builds import PlanDecision

from tests.support.sse import list_events, read_events

from .conftest import Service, World, wait_for_launch


async def test_log_lines_stand_between_the_steps(world: World, service: Service) -> None:
    alice, launch = await _begin(world, service)
    events: list[dict[str, Any]] = []

    async def read() -> None:
        path = f"api/v1/launches/{launch['id']}/events"
        events.extend(await list_events(service.client, path, headers=alice))

    reader = asyncio.create_task(read())
    build_id = world.builder.builds[0]
    for first in range(1, 60, 20):
        await world.builder.write_lines(build_id, *(f"line {n}" for n in range(first, first + 20)), first=first)
        await asyncio.sleep(0.05)
    await world.builder.end(build_id)
    await reader
    lines = [event["line"] for event in events if "line" in event]
    assert lines == list(range(1, 61))
    assert [event["id"] for event in events[:4]] == ["1.0", "2.0", "3.0", "3.1"]
    assert events[63]["id"] == "4.0"
    assert events[-1]["phase"] == "ready"


async def test_every_place_can_be_resumed_from(world: World, service: Service) -> None:
    alice, launch = await _begin(world, service)
    await world.builder.write_lines(world.builder.builds[0], "one", "two", "three")
    await world.builder.end(world.builder.builds[0])
    await wait_for_launch(service, launch["id"], alice)
    path = f"api/v1/launches/{launch['id']}/events"
    events = await list_events(service.client, path, headers=alice)
    for place, event in enumerate(events):
        rest = await list_events(service.client, path, headers=alice | {"Last-Event-ID": event["id"]})
        assert rest == events[place + 1 :]


async def test_a_failed_build_fails_the_launch_with_its_reason(world: World, service: Service) -> None:
    alice, launch = await _begin(world, service)
    failure = '{"code": "requirement_unknown", "message": "No such package", "remedy": "Mend requirements.txt."}'
    await world.builder.end(world.builder.builds[0], "failed", failure)
    failed = await wait_for_launch(service, launch["id"], alice)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "requirement_unknown")
    assert failed["error"]["remedy"] == "Mend requirements.txt."


async def test_cancelling_leaves_the_build_to_others(world: World, service: Service) -> None:
    alice, launch = await _begin(world, service)
    bob = world.add_user("bob")
    other = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=bob)).json()
    path = f"api/v1/launches/{launch['id']}"
    assert (await service.client.delete(path, headers=alice)).json()["state"] == "cancelled"
    events = await list_events(service.client, f"{path}/events", headers=alice)
    assert events[-1]["phase"] == "cancelled"
    await world.builder.end(world.builder.builds[0])
    assert (await wait_for_launch(service, other["id"], bob))["state"] == "ready"
    assert [user for user, _, _ in world.hub.servers.starts] == ["bob"]
    assert (await service.client.delete(f"api/v1/launches/{other['id']}", headers=bob)).status_code == 409


async def test_cancelling_interrupts_a_start(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.hub.servers.released.clear()
    launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)).json()
    path = f"api/v1/launches/{launch['id']}"
    async for event in read_events(service.client, f"{path}/events", headers=alice):
        if event["message"] == "Starting JupyterLab":
            break
    assert (await service.client.delete(path, headers=alice)).status_code == 200
    async with asyncio.timeout(5):
        while world.hub.servers.users["alice"]:
            await asyncio.sleep(0.02)
    assert world.hub.servers.removals == [("alice", "demo")]


async def _begin(world: World, service: Service) -> tuple[dict[str, str], dict[str, Any]]:
    alice = world.add_user("alice")
    world.builder.decision = PlanDecision.FULL
    launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)).json()
    await wait_for_launch(service, launch["id"], alice, "building")
    return alice, launch
