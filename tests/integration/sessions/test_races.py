"""Two replicas, one key, one commit; and a process that ends between any two steps."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from heliostat_core.contracts.builds import PlanDecision
from heliostat_core.eventstore import EventStore
from heliostat_core.work import Lease

from tests.support.sse import list_events

from .conftest import Service, World, wait_for_launch

BODY = {"repo": "ska/demo"}


async def test_one_key_at_two_replicas_is_one_launch(world: World, service: Service) -> None:
    alice = world.add_user("alice") | {"Idempotency-Key": "key-1"}
    other = await world.start()
    answers = await asyncio.gather(
        *(one.client.post("api/v1/launches", json=BODY, headers=alice) for one in [service, other] * 8)
    )
    ids = {answer.json()["id"] for answer in answers}
    assert len(ids) == 1
    await wait_for_launch(service, ids.pop(), alice)
    late = await service.client.post("api/v1/launches", json=BODY, headers=alice)
    assert late.json()["state"] == "ready"
    assert len(world.hub.servers.starts) == 1
    changed = await service.client.post("api/v1/launches", json=BODY | {"ref": "dev"}, headers=alice)
    assert (changed.status_code, changed.json()["code"]) == (409, "idempotency_key_reused")


async def test_one_commit_at_two_replicas_is_one_launch(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.hub.servers.released.clear()
    other = await world.start()
    answers = await asyncio.gather(
        *(one.client.post("api/v1/launches", json=BODY, headers=alice) for one in [service, other] * 8)
    )
    assert len({answer.json()["id"] for answer in answers}) == 1
    world.hub.servers.released.set()
    await wait_for_launch(service, answers[0].json()["id"], alice)
    assert len(world.hub.servers.starts) == 1


async def test_two_repositories_of_one_slug_get_two_names(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    answers = await asyncio.gather(
        *(service.client.post("api/v1/launches", json={"repo": f"{n}/demo"}, headers=alice) for n in range(4))
    )
    done = [await wait_for_launch(service, answer.json()["id"], alice) for answer in answers]
    assert {view["state"] for view in done} == {"ready"}
    assert {view["server_name"] for view in done} == {"demo", "demo-2", "demo-3", "demo-4"}


@pytest.mark.parametrize("step", range(1, 9))
async def test_a_launch_survives_the_end_of_its_process_after_any_step(
    world: World, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The first replica dies right after its n-th write to the launch's stream: the task ends, the lease stays."""
    alice = world.add_user("alice")
    world.builder.decision = PlanDecision.FULL
    dying = await world.start(lease_duration=timedelta(seconds=60))
    _die_after(monkeypatch, dying, step)
    answer = await dying.client.post("api/v1/launches", json=BODY, headers=alice)
    launch_id = answer.json()["id"]
    async with asyncio.timeout(5):
        while not world.builder.builds:
            await asyncio.sleep(0.02)
    await world.builder.write_lines(world.builder.builds[0], "one", "two")
    await world.builder.end(world.builder.builds[0])
    await asyncio.sleep(0.7)
    dying.process.factory.queue.claim = _claim_nothing  # type: ignore[method-assign]  # the dead take no work
    await _let_leases_expire(world)
    monkeypatch.undo()
    successor = await world.start()
    done = await wait_for_launch(successor, launch_id, alice)
    assert done["state"] == "ready", done
    assert [(user, name) for user, name, _ in world.hub.servers.starts] == [("alice", "demo")]
    events = await list_events(successor.client, f"api/v1/launches/{launch_id}/events", headers=alice)
    assert [event["line"] for event in events if "line" in event] == [1, 2]
    assert [event["message"] for event in events].count("Starting the server") == 1
    assert [event["message"] for event in events].count("Starting JupyterLab") <= 1


def _die_after(monkeypatch: pytest.MonkeyPatch, service: Service, step: int) -> None:
    """End the launch's task in the transaction after its n-th append, as a killed process would."""
    original, appended = EventStore.append, 0
    store = service.process.factory.store

    async def append(self: EventStore, connection: Any, stream: Any, events: Any, *, expected: int) -> Any:
        nonlocal appended
        if self is store and stream.startswith("launch-"):
            if appended >= step:
                await connection.rollback()  # as Postgres does for a connection that is gone
                await asyncio.Event().wait()
            appended += 1
        return await original(self, connection, stream, events, expected=expected)

    monkeypatch.setattr(EventStore, "append", append)


async def _claim_nothing(kind: str, *, most: int = 1, key: str | None = None) -> list[Lease]:
    return []


async def _let_leases_expire(world: World) -> None:
    async with world.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE work_items SET available_at = now() WHERE kind <> 'job'")
