"""Launches from request to server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from heliostat_core.contracts.builds import PlanDecision
from heliostat_core.grants import read_grant
from pydantic import SecretStr

from tests.support.sse import list_events

from .conftest import GRANT_KEY, Service, World, wait_for_launch, wait_until


async def test_a_cached_launch_becomes_a_server(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    answer = await service.client.post(
        "api/v1/launches", json={"repo": "ska/demo", "path": "intro/a b.ipynb"}, headers=alice
    )
    assert answer.status_code == 202, answer.text
    launch = answer.json()
    assert launch["plan"]["decision"] == "hit"
    done = await wait_for_launch(service, launch["id"], alice)
    assert done["state"] == "ready", done
    assert done["url"] == "http://hub.example/user/alice/demo/lab/tree/intro/a%20b.ipynb"
    (user, name, options) = world.hub.servers.starts[0]
    grant = read_grant(options["grant"], key=SecretStr(GRANT_KEY))
    assert (user, name, grant.repo, grant.server_name) == ("alice", "demo", "https://git.example/ska/demo", "demo")


async def test_the_stream_tells_every_step_once(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)).json()
    events = await list_events(service.client, f"api/v1/launches/{launch['id']}/events", headers=alice)
    assert [event["phase"] for event in events] == [
        "request", "plan", "build", "admit", "spawn", "spawn", "spawn", "spawn", "ready",
    ]  # fmt: skip
    assert events[-1]["final"] is True
    assert len({event["id"] for event in events}) == len(events)
    rest = await list_events(service.client, f"api/v1/launches/{launch['id']}/events?after=4.0", headers=alice)
    assert rest == events[4:]


async def test_the_same_commit_reopens_the_server(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    first = await _launch(service, alice)
    again = await _launch(service, alice, path="data.csv")
    assert again["state"] == "ready"
    assert again["id"] != first["id"]
    assert again["session_id"] == first["session_id"]
    assert again["url"].endswith("/user/alice/demo/lab/tree/data.csv")
    assert len(world.hub.servers.starts) == 1


async def test_a_stopped_server_is_started_again(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    first = await _launch(service, alice)
    assert (await service.client.post("api/v1/sessions/demo/stop", headers=alice)).status_code == 202
    again = await _launch(service, alice)
    assert (again["state"], again["session_id"]) == ("ready", first["session_id"])
    assert [name for _, name, _ in world.hub.servers.starts] == ["demo", "demo"]
    assert [request.action.value for request in world.policy.admissions] == ["create", "start"]


async def test_new_and_other_repositories_get_names_of_their_own(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    await _launch(service, alice)
    assert (await _launch(service, alice, new=True))["server_name"] == "demo-2"
    assert (await _launch(service, alice, repo="other/demo"))["server_name"] == "demo-3"
    assert (await _launch(service, alice, repo="a/b", server_name="mine"))["server_name"] == "mine"


async def test_at_the_limit_the_refusal_lists_the_servers(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    for number in range(5):
        world.hub.servers.add("alice", f"server-{number}", ready=False)
    refused = await _launch(service, alice)
    assert (refused["state"], refused["error"]["code"]) == ("refused", "named_servers")
    assert [server["name"] for server in refused["error"]["details"]["servers"]] == [f"server-{n}" for n in range(5)]
    first = refused["error"]["details"]["servers"][0]
    assert first["delete"] == "http://hub.example/services/binder/api/v1/sessions/server-0"
    assert world.hub.servers.starts == []


async def test_a_named_server_keeps_its_repository(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    await _launch(service, alice, server_name="mine")
    other = await _launch(service, alice, repo="ska/other", server_name="mine")
    assert (other["state"], other["error"]["code"]) == ("refused", "server_has_other_repository")
    running = await _launch(service, alice, ref="dev", server_name="mine")
    assert running["error"]["code"] == "server_runs_other_commit"
    await service.client.post("api/v1/sessions/mine/stop", headers=alice)
    moved = await _launch(service, alice, ref="dev", server_name="mine")
    assert moved["state"] == "ready"
    session = (await service.client.get("api/v1/sessions/mine", headers=alice)).json()
    assert (session["commit"], session["ref"]) == (moved["plan"]["commit"], "dev")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"path": "../x"}, "path_outside"),
        ({"path": "//evil.example"}, "path_outside"),
        ({"path": "http://evil.example/x"}, "path_outside"),
        ({"server_name": "Not OK"}, "server_name_invalid"),
        ({"colour": "blue"}, "invalid_request"),
    ],
)
async def test_a_wrong_request_is_refused_at_once(world: World, service: Service, body: Any, code: str) -> None:
    answer = await service.client.post(
        "api/v1/launches", json={"repo": "ska/demo"} | body, headers=world.add_user("alice")
    )
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_name_that_policy_refuses_is_refused_before_anything_is_built(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.builder.decision = PlanDecision.FULL
    answer = await service.client.post(
        "api/v1/launches", json={"repo": "ska/demo", "server_name": "a" * 21}, headers=alice
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "server_name_length")
    assert answer.json()["details"]["decision_id"] is not None
    assert [request.simulate for request in world.policy.admissions] == [True, False]
    assert world.builder.builds == []
    assert (await service.client.get("api/v1/launches", headers=alice)).json() == []


async def test_a_name_is_asked_for_ahead_without_a_trace(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    assert (await _launch(service, alice, server_name="mine"))["state"] == "ready"
    assert [request.simulate for request in world.policy.admissions] == [True, False]
    assert (await _launch(service, alice, server_name="mine"))["state"] == "ready"
    assert len(world.policy.admissions) == 2, "what runs needs no permission"


async def test_launches_are_counted_by_what_they_came_to(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    await _launch(service, alice)
    await service.client.post("api/v1/launches", json={"repo": "nowhere"}, headers=alice)
    world.hub.servers.spawn_failure = "no memory left"
    await _launch(service, alice, repo="ska/other")
    world.policy.rules = world.policy.rules.model_copy(update={"named_servers": 1})
    await _launch(service, alice, repo="ska/third")
    metrics = (await service.client.get(f"{service.url}/metrics")).text
    for labels in (
        'outcome="success",phase="spawn",plan="hit"',
        'outcome="user_error",phase="plan",plan="none"',
        'outcome="platform",phase="spawn",plan="hit"',
        'outcome="quota",phase="admit",plan="hit"',
    ):
        assert f"heliostat_launches_total{{{labels}}} 1.0" in metrics
    assert 'heliostat_launch_duration_seconds_count{outcome="success",plan="hit"} 1.0' in metrics
    assert 'outcome="cancelled"' in metrics


async def test_without_the_builder_nothing_is_begun(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.builder.down = True
    answer = await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert (await service.client.get("api/v1/launches", headers=alice)).json() == []


async def test_the_builders_refusal_is_the_callers(world: World, service: Service) -> None:
    answer = await service.client.post("api/v1/launches", json={"repo": "nowhere"}, headers=world.add_user("alice"))
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (404, "repository_unknown", "repo")


async def test_policy_and_hub_may_be_away_for_a_moment(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.hub.servers.fail_on("POST", 503, times=2)
    world.policy.down = True
    launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)).json()
    await asyncio.sleep(0.2)
    world.policy.down = False
    assert (await wait_for_launch(service, launch["id"], alice))["state"] == "ready"
    assert len(world.hub.servers.starts) == 1


async def test_a_failed_start_says_why_and_leaves_no_record(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.hub.servers.spawn_failure = "no memory left"
    failed = await _launch(service, alice)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "spawn_failed")
    assert "no memory left" in failed["error"]["message"]
    await wait_until(_list_names(world), lambda names: names == [])
    await wait_until(_list_sessions(service, alice), lambda sessions: sessions == [])


async def test_a_lost_progress_stream_is_taken_up_again(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.hub.servers.fail_on("progress", 502, times=2)
    launch = await _launch(service, alice)
    assert launch["state"] == "ready"
    events = await list_events(service.client, f"api/v1/launches/{launch['id']}/events", headers=alice)
    assert [event["message"] for event in events].count("Starting the server") == 1
    assert len(world.hub.servers.starts) == 1


async def _launch(service: Service, headers: dict[str, str], **body: Any) -> dict[str, Any]:
    answer = await service.client.post("api/v1/launches", json={"repo": "ska/demo"} | body, headers=headers)
    assert answer.status_code == 202, answer.text
    return await wait_for_launch(service, answer.json()["id"], headers)


def _list_names(world: World) -> Callable[[], Awaitable[list[str]]]:
    async def read() -> list[str]:
        return list(world.hub.servers.users["alice"])

    return read


def _list_sessions(service: Service, headers: dict[str, str]) -> Callable[[], Awaitable[list[Any]]]:
    async def read() -> list[Any]:
        sessions: list[Any] = (await service.client.get("api/v1/sessions", headers=headers)).json()
        return sessions

    return read
