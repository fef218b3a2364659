"""Servers: listed, made, started, stopped, deleted, and kept in step with the hub."""

from datetime import UTC, datetime
from typing import Any

from heliostat_core.eventstore import rebuild
from heliostat_runtime import VolumeStore
from heliostat_sessions.factory import build_projections
from heliostat_sessions.storage.host import LocalHost
from sqlalchemy import text

from .conftest import Service, World, wait_for_launch, wait_until


async def test_a_plain_server_from_start_to_deletion(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    made = await service.client.post("api/v1/sessions", json={"name": "plain"}, headers=alice)
    assert (made.status_code, made.json()["name"]) == (202, "plain")
    view = await _wait_for_state(service, alice, "plain", "running")
    assert view["url"] == "http://hub.example/user/alice/plain/"
    assert view["idle"]["rule"] == "idle_timeout"
    again = await service.client.post("api/v1/sessions", json={"name": "plain"}, headers=alice)
    assert (again.status_code, again.json()["code"]) == (409, "session_exists")
    assert (await service.client.post("api/v1/sessions/plain/stop", headers=alice)).status_code == 202
    await _wait_for_state(service, alice, "plain", "stopped")
    assert (await service.client.post("api/v1/sessions/plain/start", headers=alice)).status_code == 202
    await _wait_for_state(service, alice, "plain", "running")
    await _delete(service, alice, "plain")
    assert world.hub.servers.users["alice"] == {}


async def test_the_default_server_has_a_url_that_works(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    assert (await service.client.post("api/v1/sessions", json={}, headers=alice)).status_code == 202
    view = await _wait_for_state(service, alice, "~default", "running")
    assert view["links"]["self"] == "http://hub.example/services/binder/api/v1/sessions/~default"
    assert (await service.client.post("api/v1/sessions/~default/stop", headers=alice)).status_code == 202
    await _delete(service, alice, "~default")
    assert world.hub.servers.removals == []


async def test_a_deleted_servers_storage_is_gone(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    volumes = _read_volumes(service)
    volume = await volumes.ensure("alice", "plain", 64 * 2**20)
    await service.client.post("api/v1/sessions", json={"name": "plain"}, headers=alice)
    view = await _wait_for_state(service, alice, "plain", "running")
    view = await wait_until(_read(service, alice, "plain"), lambda view: view["storage"]["volume_id"] is not None)
    assert view["storage"]["limit"] == 64 * 2**20
    await _delete(service, alice, "plain")
    assert await volumes.find("alice", "plain") is None
    assert await _kinds(world, f"storage-{volume.volume_id}") == ["storage.created.v1", "storage.deleted.v1"]
    assert (await _kinds(world, f"session-{view['id']}"))[-1] == "session.deleted.v1"


async def test_a_deletion_is_finished_by_another_replica(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    await service.client.post("api/v1/sessions", json={"name": "plain"}, headers=alice)
    await _wait_for_state(service, alice, "plain", "running")
    world.hub.servers.fail_on("DELETE", 503, times=1)
    await service.client.delete("api/v1/sessions/plain", headers=alice)
    await world.start()
    await _wait_until_gone(service, alice, "plain")


async def test_what_happens_at_the_hubs_page_is_seen(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.hub.servers.add("alice", "paged")
    reconciler = service.process.factory.reconciler
    await reconciler.reconcile()
    view = (await service.client.get("api/v1/sessions/paged", headers=alice)).json()
    assert (view["state"], view["repo"]) == ("running", None)
    world.hub.servers.users["alice"]["paged"].ready = False
    await reconciler.reconcile()
    assert (await _kinds(world, f"session-{view['id']}"))[-1] == "session.stopped.v1"
    del world.hub.servers.users["alice"]["paged"]
    await reconciler.reconcile()
    assert (await service.client.get("api/v1/sessions", headers=alice)).json() == []
    kinds = await _kinds(world, f"session-{view['id']}")
    assert kinds == ["session.created.v1", "session.started.v1", "session.stopped.v1", "session.deleted.v1"]


async def test_a_server_made_at_the_hub_a_moment_ago_can_be_commanded(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    for name in ("stopped", "deleted"):
        world.hub.servers.add("alice", name)
    answer = await service.client.post("api/v1/sessions/stopped/stop", headers=alice)
    assert (answer.status_code, answer.json()["name"]) == (202, "stopped")
    await _wait_for_state(service, alice, "stopped", "stopped")
    await _delete(service, alice, "deleted")
    assert list(world.hub.servers.users["alice"]) == ["stopped"]
    assert (await service.client.post("api/v1/sessions/nowhere/stop", headers=alice)).status_code == 404


async def test_a_server_is_not_said_to_be_gone_while_the_hub_is_down(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.hub.servers.add("alice", "paged")
    world.hub.servers.fail_on("GET", 503)
    answer = await service.client.delete("api/v1/sessions/paged", headers=alice)
    assert (answer.status_code, answer.json()["code"]) == (503, "hub_unavailable")


async def test_a_hub_that_lost_its_database_takes_nobodys_files_along(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.hub.servers.add("alice", "work")
    reconciler = service.process.factory.reconciler
    await reconciler.reconcile()
    volumes = _read_volumes(service)
    await volumes.ensure("alice", "work", 64 * 2**20)
    world.hub.servers.users.clear()
    await reconciler.reconcile()
    world.hub.servers.add("alice")
    world.hub.servers.created["alice"] = datetime.now(UTC)
    await reconciler.reconcile()
    assert await volumes.find("alice", "work") is not None
    assert [view["name"] for view in (await service.client.get("api/v1/sessions", headers=alice)).json()] == ["work"]


async def test_nothing_is_concluded_while_the_hub_is_down(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.hub.servers.add("alice", "paged")
    await service.process.factory.reconciler.reconcile()
    world.hub.servers.fail_on("GET", 503, times=3)
    view = (await service.client.get("api/v1/sessions", headers=alice)).json()[0]
    assert view["state"] == "unknown"
    stopped = await service.client.get("api/v1/sessions?state=stopped", headers=alice)
    assert stopped.json() == []
    assert (await _kinds(world, f"session-{view['id']}"))[-1] == "session.started.v1"


async def test_many_users_are_read_page_by_page(world: World, service: Service) -> None:
    for number in range(450):
        world.hub.servers.add(f"user-{number:03}", "one")
    await service.process.factory.reconciler.reconcile()
    async with world.database.transaction() as connection:
        counted = await connection.execute(text("SELECT count(*) FROM sessions WHERE state = 'running'"))
        assert counted.scalar_one() == 450


async def test_read_models_rebuilt_are_equal(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)).json()
    await wait_for_launch(service, launch["id"], alice)
    await _wait_for_state(service, alice, "demo", "running")
    await service.client.post("api/v1/sessions/demo/stop", headers=alice)
    await wait_until(lambda: _kinds(world, "session-%"), lambda kinds: kinds[-1] == "session.stopped.v1")
    before = await _dump(world)
    await rebuild(service.process.factory.store, build_projections())
    assert await _dump(world) == before


async def test_another_users_things_do_not_exist(world: World, service: Service) -> None:
    alice, bob, root = world.add_user("alice"), world.add_user("bob"), world.add_user("root", admin=True)
    launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)).json()
    await wait_for_launch(service, launch["id"], alice)
    own = f"api/v1/launches/{launch['id']}"
    for method, path in [
        ("GET", own),
        ("GET", f"{own}/events"),
        ("DELETE", own),
        ("GET", "api/v1/sessions/demo"),
        ("POST", "api/v1/sessions/demo/stop"),
        ("POST", "api/v1/sessions/demo/start"),
        ("GET", "api/v1/sessions?user=alice"),
        ("DELETE", "api/v1/sessions/demo?user=alice"),
        ("GET", "api/v1/launches?user=alice"),
    ]:
        assert (await service.client.request(method, path, headers=bob)).status_code == 404, (method, path)
        assert (await service.client.request(method, path)).status_code == 401, (method, path)
    assert (await service.client.get("api/v1/sessions?user=alice", headers=root)).json()[0]["name"] == "demo"
    assert (await service.client.get(own, headers=root)).status_code == 200


def _read_volumes(service: Service) -> VolumeStore:
    host = service.process.factory.reconciler._host
    assert isinstance(host, LocalHost)
    return host.volumes


async def _delete(service: Service, headers: dict[str, str], name: str) -> None:
    answer = await service.client.delete(f"api/v1/sessions/{name}", headers=headers)
    assert (answer.status_code, answer.json()["state"]) == (202, "deleting")
    await _wait_until_gone(service, headers, name)
    assert (await service.client.delete(f"api/v1/sessions/{name}", headers=headers)).status_code == 204


async def _wait_until_gone(service: Service, headers: dict[str, str], name: str) -> None:
    async def read() -> int:
        return (await service.client.get(f"api/v1/sessions/{name}", headers=headers)).status_code

    await wait_until(read, lambda status: status == 404)


def _read(service: Service, headers: dict[str, str], name: str) -> Any:
    async def read() -> dict[str, Any]:
        view: dict[str, Any] = (await service.client.get(f"api/v1/sessions/{name}", headers=headers)).json()
        return view

    return read


async def _wait_for_state(service: Service, headers: dict[str, str], name: str, state: str) -> Any:
    return await wait_until(_read(service, headers, name), lambda view: view.get("state") == state)


async def _kinds(world: World, stream: str) -> list[str]:
    statement = text("SELECT kind FROM events WHERE stream LIKE :stream ORDER BY position")
    async with world.database.transaction() as connection:
        return list((await connection.execute(statement, {"stream": stream})).scalars())


async def _dump(world: World) -> list[list[Any]]:
    tables = ("launches", "sessions", "volumes")
    async with world.database.transaction() as connection:
        return [
            [tuple(row) for row in await connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY id")]  # noqa: S608
            for table in tables
        ]
