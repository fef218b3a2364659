"""BinderHub's event stream: each sequence of phases and each way to fail, as its clients see them."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from heliostat_core.contracts.builds import PlanDecision

from tests.support.golden import Golden

from .binder_stream import Transcript, read_stream
from .conftest import Service, World, wait_until

SPEC = "build/gh/ska/demo/HEAD"
_CHANGING = {"launch_id": "<id>", "build_id": "<id>", "token": "<22 characters>"}


def _compare(golden: Golden, name: str, transcript: Transcript) -> None:
    messages = [{key: _CHANGING.get(key, value) for key, value in message.items()} for message in transcript.messages]
    golden.assert_json(f"sessions/binder/{name}.json", messages)


async def _build(world: World, *, state: str = "succeeded", failure: str | None = None) -> None:
    """Let the next build say two lines and end."""
    await wait_until(lambda: _value(world.builder.builds), bool)
    await world.builder.write_lines(world.builder.builds[0], "cloning", "installing \x1b[1mnumpy")
    await world.builder.end(world.builder.builds[0], state, failure)


async def _value(value: Any) -> Any:
    return value


async def test_a_cached_launch(golden: Golden, world: World, service: Service) -> None:
    transcript = await read_stream(service.client, SPEC, headers=world.add_user("alice"))
    assert transcript.status == 200
    assert transcript.headers["content-type"].startswith("text/event-stream")
    assert transcript.phases == ["built", "launching", "ready"]
    assert len(transcript.last["token"]) == 22
    assert transcript.last["url"].endswith("/")
    _compare(golden, "cached", transcript)


async def test_a_launch_with_a_build(golden: Golden, world: World, service: Service) -> None:
    world.builder.decision = PlanDecision.FULL
    transcript, _ = await asyncio.gather(
        read_stream(service.client, SPEC, headers=world.add_user("alice")), _build(world)
    )
    assert transcript.phases == ["waiting", "building", "built", "launching", "ready"]
    _compare(golden, "uncached", transcript)


@pytest.mark.parametrize("decision", [PlanDecision.HIT, PlanDecision.FULL])
async def test_a_build_without_a_launch(golden: Golden, world: World, service: Service, decision: PlanDecision) -> None:
    world.builder.decision = decision
    building = asyncio.create_task(_build(world)) if decision is PlanDecision.FULL else None
    alice = world.add_user("alice")
    transcript = await read_stream(service.client, f"{SPEC}?build_only=TRUE", headers=alice)
    if building is not None:
        await building
    assert world.hub.servers.starts == []
    _compare(golden, f"build-only-{decision.value}", transcript)


async def test_a_branch_that_was_renamed(golden: Golden, world: World, service: Service) -> None:
    transcript = await read_stream(service.client, "build/gh/ska/demo/main", headers=world.add_user("alice"))
    assert transcript.last["binder_request"] == "v2/gh/ska/demo/HEAD"
    _compare(golden, "renamed-branch", transcript)


async def test_a_build_that_fails(golden: Golden, world: World, service: Service) -> None:
    world.builder.decision = PlanDecision.FULL
    failure = '{"code": "install_failed", "message": "numpy has no wheel", "remedy": "Pin another version."}'
    transcript, _ = await asyncio.gather(
        read_stream(service.client, SPEC, headers=world.add_user("alice")),
        _build(world, state="failed", failure=failure),
    )
    _compare(golden, "build-failed", transcript)
    assert "status_code" not in transcript.last


async def test_a_build_only_that_fails(golden: Golden, world: World, service: Service) -> None:
    world.builder.decision = PlanDecision.FULL
    transcript, _ = await asyncio.gather(
        read_stream(service.client, f"{SPEC}?build_only=true", headers=world.add_user("alice")),
        _build(world, state="cancelled"),
    )
    _compare(golden, "build-only-failed", transcript)


async def test_a_server_that_does_not_start(golden: Golden, world: World, service: Service) -> None:
    world.hub.servers.spawn_failure = "boom"
    transcript = await read_stream(service.client, SPEC, headers=world.add_user("alice"))
    assert (transcript.last["status_code"], transcript.last["reason"]) == (500, "spawn_failed")
    _compare(golden, "spawn-failed", transcript)


async def test_the_limit_of_servers(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    for number in range(5):
        world.hub.servers.add("alice", f"server-{number}", ready=False)
    transcript = await read_stream(service.client, SPEC, headers=alice)
    assert (transcript.last["status_code"], transcript.last["reason"]) == (409, "named_servers")


async def test_a_cancelled_launch_has_failed(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.hub.servers.released.clear()
    async with asyncio.timeout(10):
        reading = asyncio.create_task(read_stream(service.client, SPEC, headers=alice))
        launches = await wait_until(lambda: _list_launches(service, alice), bool)
        await service.client.delete(f"api/v1/launches/{launches[0]['id']}", headers=alice)
        transcript = await reading
    assert (transcript.last["phase"], transcript.last["reason"]) == ("failed", "cancelled")


async def _list_launches(service: Service, headers: dict[str, str]) -> Any:
    return (await service.client.get("api/v1/launches", headers=headers)).json()


async def test_requests_that_cannot_be_served(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    for path, reason, status in (
        ("build/svn/ska/demo/HEAD", "unknown_provider", None),
        ("build/gh/ska", "bad_repository", None),
        ("build/gh/", "binder_link_invalid", None),
        ("build/gh/nowhere/demo/HEAD", "repository_unknown", None),
        ("build/gh/ska/demo/gone", "ref_not_found", None),
        (f"{SPEC}?build_token=forged", "build_token_invalid", 403),
    ):
        transcript = await read_stream(service.client, path, headers=alice)
        assert transcript.status == 200
        assert [message["phase"] for message in transcript.messages] == ["failed"]
        assert (transcript.last["reason"], transcript.last.get("status_code")) == (reason, status)
        assert transcript.last["message"].endswith("\n")
        assert transcript.ids == ["ended"]
    strict = await world.start(build_only=False)
    not_allowed = await read_stream(strict.client, f"{SPEC}?build_only=true", headers=alice)
    assert (not_allowed.last["reason"], not_allowed.last["status_code"]) == ("build_only_not_allowed", 400)
    world.builder.down = True
    away = await read_stream(service.client, SPEC, headers=alice)
    assert (away.last["reason"], away.last["status_code"]) == ("service_unavailable", 503)
    assert world.hub.servers.starts == []


async def test_clients_need_not_be_exact(world: World, service: Service) -> None:
    """Any Accept header will do; a slash at the end of the spec does not count, but its encoding does."""
    alice = world.add_user("alice")
    for accept in ("*/*", "text/html, text/event-stream", "text/event-stream;q=0.9", "text/html"):
        transcript = await read_stream(service.client, f"{SPEC}/", headers=alice | {"Accept": accept})
        assert (transcript.last["phase"], transcript.last["binder_request"]) == ("ready", "v2/gh/ska/demo/HEAD")
    encoded = await read_stream(service.client, "build/gh/ska/demo/feature%2Fx", headers=alice)
    assert encoded.last["binder_request"] == "v2/gh/ska/demo/feature%2Fx"


async def test_the_stream_stays_open_after_its_end(world: World) -> None:
    service = await world.start(linger=timedelta(seconds=30))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3):
            await read_stream(service.client, SPEC, headers=world.add_user("alice"))
    assert len(world.hub.servers.starts) == 1
