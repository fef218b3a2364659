"""Coming back to BinderHub's event stream: the same launch goes on, and nothing is launched twice."""

import asyncio

from heliostat_core.contracts.builds import PlanDecision
from heliostat_sessions.domain.binder_places import ENDED

from .binder_stream import read_stream
from .conftest import Service, World, wait_until

SPEC = "build/gh/ska/demo/HEAD"


async def test_every_id_leads_back_to_its_place(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.builder.decision = PlanDecision.FULL
    reading = asyncio.create_task(read_stream(service.client, SPEC, headers=alice))
    await _finish_build(world)
    transcript = await reading
    assert transcript.last["phase"] == "ready"
    for place, event_id in enumerate(transcript.ids[:-1]):
        rest = await read_stream(service.client, SPEC, headers=alice | {"Last-Event-ID": event_id})
        told = [message | {"token": ""} for message in rest.messages]
        assert told == [message | {"token": ""} for message in transcript.messages[place + 1 :]]
    over = await service.client.get(SPEC, headers=alice | {"Last-Event-ID": transcript.ids[-1]})
    assert over.status_code == 204
    assert len(world.hub.servers.starts) == 1
    assert len((await service.client.get("api/v1/launches", headers=alice)).json()) == 1


async def test_a_build_goes_on_too(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.builder.decision = PlanDecision.FULL
    reading = asyncio.create_task(read_stream(service.client, f"{SPEC}?build_only=true", headers=alice))
    await _finish_build(world)
    transcript = await reading
    plans = world.builder.plans
    resumed = alice | {"Last-Event-ID": transcript.ids[1]}
    rest = await read_stream(service.client, f"{SPEC}?build_only=true", headers=resumed)
    assert rest.messages == transcript.messages[2:]
    assert rest.ids == transcript.ids[2:]
    assert world.builder.plans == plans


async def test_the_id_of_a_failed_request_is_the_end(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    failed = await read_stream(service.client, "build/gh/nowhere/demo/HEAD", headers=alice)
    assert failed.ids == [ENDED]
    again = await service.client.get("build/gh/nowhere/demo/HEAD", headers=alice | {"Last-Event-ID": ENDED})
    assert again.status_code == 204


async def test_leaving_cancels_nothing_and_coming_back_anywhere_attaches(world: World, service: Service) -> None:
    """With an id or without one, and at another replica, it is still the same launch."""
    alice = world.add_user("alice")
    other = await world.start()
    world.hub.servers.released.clear()
    left = await read_stream(service.client, SPEC, until="launching", headers=alice)
    resumed = asyncio.create_task(read_stream(other.client, SPEC, headers=alice | {"Last-Event-ID": left.ids[-1]}))
    anew = asyncio.create_task(read_stream(other.client, SPEC, headers=alice))
    await asyncio.sleep(0.2)
    world.hub.servers.released.set()
    transcripts = [await resumed, await anew]
    assert {transcript.last["launch_id"] for transcript in transcripts} == {left.last["launch_id"]}
    assert len(world.hub.servers.starts) == 1


async def test_an_id_is_good_for_its_reader_only(world: World, service: Service) -> None:
    alice, bob = world.add_user("alice"), world.add_user("bob")
    transcript = await read_stream(service.client, SPEC, headers=alice)
    others = await read_stream(service.client, SPEC, headers=bob | {"Last-Event-ID": transcript.ids[1]})
    assert others.last["launch_id"] != transcript.last["launch_id"]
    assert others.last["url"].startswith("http://hub.example/user/bob/")
    forged = transcript.ids[1].replace(".4.", ".1.")
    altered = await read_stream(service.client, SPEC, headers=alice | {"Last-Event-ID": forged})
    assert altered.phases == ["built", "launching", "ready"]


async def _finish_build(world: World) -> None:
    async def builds() -> int:
        return len(world.builder.builds)

    await wait_until(builds, bool)
    await world.builder.write_lines(world.builder.builds[0], "one", "two", "three")
    await world.builder.end(world.builder.builds[0])
