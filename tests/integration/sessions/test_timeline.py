"""The timeline: one list over all services, in pages, and to everybody only what concerns them."""

from typing import Any
from uuid import UUID, uuid4

from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.builds import PlanDecision, PlanView
from heliostat_core.contracts.events import Event
from heliostat_core.eventstore import NewEvent
from heliostat_core.ids import POLICY_STREAM, StreamId, build_stream, decision_stream
from heliostat_core.schema import decisions
from sqlalchemy import func, insert, text

from .conftest import Service, World, wait_for_launch, wait_until

EVENTS = "api/v1/events"


async def test_one_launch_is_one_list(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    launch = await _launch(world, service, alice)
    build_id = UUID(launch["build_id"])
    await _record_build(world, service, build_id, launch)
    decision = await _record_decision(world, service, launch["id"], user="alice")
    found = (await service.client.get(EVENTS, params={"launch": launch["id"]}, headers=alice)).json()
    assert found["older"] is None
    positions = [event["position"] for event in found["events"]]
    assert positions == sorted(positions, reverse=True)
    told = {event["kind"]: event for event in found["events"]}
    assert {"launch.requested.v1", "launch.ready.v1", "session.created.v1", "build.finished.v1"} <= set(told)
    assert told["decision.made.v1"]["summary"] == "Policy on create for alice: allow. fine"
    assert told["decision.made.v1"]["links"]["decision"].endswith(f"/policy/api/v1/decisions/{decision}")
    assert told["build.finished.v1"]["links"]["launch"].endswith(f"/services/binder/launches/{launch['id']}")
    itself = told["launch.ready.v1"]["links"]["self"].partition("/services/binder/")[2]
    assert (await service.client.get(itself, headers=alice)).json()["events"] == [told["launch.ready.v1"]]


async def test_users_see_only_what_concerns_them(world: World, service: Service) -> None:
    alice, bob = world.add_user("alice"), world.add_user("bob")
    launch = await _launch(world, service, alice)
    build_id = UUID(launch["build_id"])
    await _record_build(world, service, build_id, launch)
    await _record_decision(world, service, launch["id"], user="alice")
    # Anybody may name any correlation id at the builder.
    await _record_decision(world, service, launch["id"], user="mallory")
    for query in ({}, {"launch": launch["id"]}, {"repo": launch["repo"]}, {"session": launch["session_id"]}):
        assert (await service.client.get(EVENTS, params=query, headers=bob)).json()["events"] == []
    refused = await service.client.get(EVENTS, params={"user": "alice"}, headers=bob)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert "mallory" not in (await service.client.get(EVENTS, headers=alice)).text
    await _join(world, service, build_id, "bob", launch)
    joined = await service.client.get(EVENTS, headers=bob)
    assert [event["kind"] for event in joined.json()["events"]] == ["build.joined.v1", "build.finished.v1"]
    assert "alice" not in joined.text
    assert "bob" not in (await service.client.get(EVENTS, headers=alice)).text


async def test_administrators_see_everything(world: World, service: Service) -> None:
    alice, root = world.add_user("alice"), world.add_user("root", admin=True)
    launch = await _launch(world, service, alice)
    changed = kinds.PolicyChanged(version=1, source="default: {}", comment="first")
    await _append(service, POLICY_STREAM, changed, actor="root")
    newest = (await service.client.get(EVENTS, headers=root)).json()["events"]
    assert newest[0]["summary"] == "Policy version 1 is in force: first"
    own = (await service.client.get(EVENTS, params={"limit": 200}, headers=alice)).json()["events"]
    assert "policy.changed.v1" not in {event["kind"] for event in own}
    of_alice = (await service.client.get(EVENTS, params={"user": "alice", "limit": 200}, headers=root)).json()["events"]
    assert of_alice == own
    for query in ({"repo": launch["repo"]}, {"session": launch["session_id"]}):
        of_it = (await service.client.get(EVENTS, params={**query, "user": "alice"}, headers=root)).json()["events"]
        assert {"launch.ready.v1", "session.assigned.v1"} <= {event["kind"] for event in of_it}


async def test_pages_follow_one_another(world: World, service: Service) -> None:
    alice, root = world.add_user("alice"), world.add_user("root", admin=True)
    await _launch(world, service, alice)
    whole = (await service.client.get(EVENTS, params={"user": "alice", "limit": 200}, headers=root)).json()["events"]
    target: str | None = f"{EVENTS}?user=alice&limit=2&kind=launch&kind=session"
    walked: list[Any] = []
    while target is not None:
        page = (await service.client.get(target, headers=root)).json()
        assert len(page["events"]) <= 2
        walked += page["events"]
        target = page["older"] and page["older"].partition("/services/binder/")[2]
        await _record_decision(world, service, str(uuid4()), user="alice")  # what is new does not shift pages
    assert walked == [event for event in whole if event["kind"].startswith(("launch.", "session."))]
    newer = {"after": walked[2]["position"], "before": walked[0]["position"], "kind": ["launch", "session"]}
    assert (await service.client.get(EVENTS, params=newer, headers=alice)).json()["events"] == walked[1:2]


async def test_an_unknown_kind_is_said(world: World, service: Service) -> None:
    refused = await service.client.get(EVENTS, params={"kind": "lunch"}, headers=world.add_user("alice"))
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "event_kind_unknown", "kind")


async def _launch(world: World, service: Service, headers: dict[str, str]) -> dict[str, Any]:
    """Launch what has to be built, and finish the build."""
    world.builder.decision = PlanDecision.FULL
    launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=headers)).json()
    await wait_for_launch(service, launch["id"], headers, "building")
    await world.builder.end(world.builder.builds[-1])
    done = await wait_for_launch(service, launch["id"], headers)

    async def read_start() -> Any:  # the ledger learns of it a moment later
        return (await service.client.get(f"{EVENTS}?kind=session.started", headers=headers)).json()["events"]

    await wait_until(read_start, bool)
    return done


async def _record_build(world: World, service: Service, build_id: UUID, launch: dict[str, Any]) -> None:
    """Record what the builder would have of a build that alice asked for."""
    requested = kinds.BuildRequested(
        build_id=build_id, requested_by="alice", plan=PlanView.model_validate(launch["plan"])
    )
    finished = kinds.BuildFinished(build_id=build_id, environment_id="env-1", content_id="c", log_lines=3)
    await _append(service, build_stream(build_id), requested, actor="alice", launch=launch["id"])
    await _append(service, build_stream(build_id), finished, actor="builder", launch=launch["id"])
    await _add_requester(world, build_id, "alice")


async def _join(world: World, service: Service, build_id: UUID, user: str, launch: dict[str, Any]) -> None:
    joined = kinds.BuildJoined(build_id=build_id, requested_by=user)
    await _append(service, build_stream(build_id), joined, actor=user, launch=launch["id"])
    await _add_requester(world, build_id, user)


async def _add_requester(world: World, build_id: UUID, user: str) -> None:
    statement = text("UPDATE builds SET requesters = array_append(requesters, :user) WHERE id = :id")
    async with world.database.transaction() as connection:
        await connection.execute(statement, {"user": user, "id": build_id})


async def _record_decision(world: World, service: Service, launch_id: str, *, user: str) -> UUID:
    """Record what the policy service would have."""
    made = kinds.DecisionMade(
        decision_id=uuid4(),
        action="create",
        user=user,
        server_name="demo",
        session_id=None,
        verdict="allow",
        rule=None,
        policy_version=1,
        message="fine",
        facts={},
    )
    await _append(service, decision_stream(made.decision_id), made, actor="sessions", launch=launch_id)
    row = made.model_dump(mode="json", exclude={"kind", "decision_id"}) | {"id": made.decision_id, "time": func.now()}
    async with world.database.transaction() as connection:
        await connection.execute(insert(decisions).values(**row))
    return made.decision_id


async def _append(service: Service, stream: StreamId, event: Event, *, actor: str, launch: str | None = None) -> None:
    store = service.process.factory.store
    new = NewEvent(data=event, actor=actor, correlation_id=UUID(launch) if launch else None)
    async with store.database.transaction() as connection:
        expected = await store.read_version(connection, stream)
        await store.append(connection, stream, [new], expected=expected)
