"""Slow starts hold up nobody else: with one pool for everything, what follows them would wait for their end."""

import asyncio

from tests.support.sse import read_events

from .conftest import Service, World, wait_for_launch

PATIENCE = 30
"""Seconds after which the test gives up; how long it really takes is what `make bench` measures."""


async def test_sixty_slow_spawns_delay_neither_health_nor_a_first_event(world: World, service: Service) -> None:
    world.hub.servers.released.clear()
    for number in range(60):
        user = world.add_user(f"user-{number}")
        launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=user)).json()
        await wait_for_launch(service, launch["id"], user, "spawning")
    alice = world.add_user("alice")
    async with asyncio.timeout(PATIENCE):
        assert (await service.client.get("healthz")).status_code == 200
        launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)).json()
        async for event in read_events(service.client, f"api/v1/launches/{launch['id']}/events", headers=alice):
            assert event["phase"] == "request"
            break
    pending = [servers["demo"].pending for user, servers in world.hub.servers.users.items() if user != "alice"]
    assert pending == ["spawn"] * 60
