"""Anonymous launches: users made for one launch, and deleted with their storage when its server stops."""

import asyncio
from pathlib import Path

import pytest
from heliostat_core.grants import read_grant
from heliostat_core.schema import sessions, temporary_users
from pydantic import SecretStr
from sqlalchemy import ColumnElement, Table, func, select, text

from .binder_stream import read_stream
from .conftest import GRANT_KEY, Service, World

SPEC = "build/gh/ska/demo/HEAD"
ORIGIN = "https://docs.example"


@pytest.fixture
async def service(world: World) -> Service:
    """A replica that lets anybody launch."""
    return await world.start(anonymous_launches=True, temporary_users=2, allowed_origins=(f"{ORIGIN}/",))


async def test_somebody_without_a_sign_in_gets_a_server_and_what_opens_only_it(world: World, service: Service) -> None:
    transcript = await read_stream(service.client, SPEC, headers={"Origin": ORIGIN})
    assert transcript.headers["access-control-allow-origin"] == ORIGIN
    ((user, name, options),) = world.hub.servers.starts
    assert user.startswith("temporary-")
    assert world.hub.servers.tokens == [(user, [f"access:servers!server={user}/{name}"])]
    assert transcript.last["token"] == "hub-token-1"
    assert transcript.last["url"] == f"http://hub.example/user/{user}/{name}/"
    grant = read_grant(options["grant"], key=SecretStr(GRANT_KEY))
    assert (grant.temporary, grant.origins) == (True, [ORIGIN])


async def test_a_hub_that_is_away_for_a_moment_costs_nobody_their_server(world: World, service: Service) -> None:
    world.hub.servers.fail_on("tokens", 503)
    transcript = await read_stream(service.client, SPEC)
    assert transcript.last["phase"] == "ready"


async def test_an_anonymous_caller_comes_back_by_id_only(world: World, service: Service) -> None:
    world.hub.servers.released.clear()
    left = await read_stream(service.client, SPEC, until="launching")
    world.hub.servers.released.set()
    resumed = await read_stream(service.client, SPEC, headers={"Last-Event-ID": left.ids[-1]})
    assert resumed.last["launch_id"] == left.last["launch_id"]
    assert resumed.last["token"].startswith("hub-token-")
    anew = await read_stream(service.client, SPEC)
    assert anew.last["launch_id"] != left.last["launch_id"]
    assert len({user for user, _, _ in world.hub.servers.starts}) == 2


async def test_the_id_of_somebody_who_signed_in_opens_nothing_to_others(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    transcript = await read_stream(service.client, SPEC, headers=alice)
    other = await read_stream(service.client, SPEC, headers={"Last-Event-ID": transcript.ids[0]})
    assert other.last["url"] != transcript.last["url"]
    assert all(user != "alice" for user, _ in world.hub.servers.tokens)


async def test_there_is_a_limit_over_all_replicas(world: World, service: Service) -> None:
    other = await world.start(anonymous_launches=True, temporary_users=2)
    transcripts = await asyncio.gather(
        *(read_stream(replica.client, SPEC) for replica in (service, other) for _ in range(3))
    )
    reasons = [transcript.last.get("reason") for transcript in transcripts]
    assert sorted(filter(None, reasons)) == ["temporary_users"] * 4
    assert len(world.hub.servers.users) == 2


async def test_nobody_is_made_where_nothing_is_launched(world: World, service: Service) -> None:
    transcript = await read_stream(service.client, "build/gh/nowhere/demo/HEAD")
    assert transcript.last["reason"] == "repository_unknown"
    built = await read_stream(service.client, f"{SPEC}?build_only=true")
    assert built.phases == ["ready"]
    assert world.hub.servers.users == {}


async def test_a_stopped_servers_user_is_deleted_with_its_storage(
    world: World, service: Service, tmp_path: Path
) -> None:
    await read_stream(service.client, SPEC)
    ((user, name, _),) = world.hub.servers.starts
    temporary = service.process.factory.temporary_users
    await temporary.reconcile()
    assert user in world.hub.servers.users
    world.hub.servers.users[user][name].ready = False
    async with asyncio.timeout(10):
        while user in world.hub.servers.users:
            await temporary.reconcile()
            await asyncio.sleep(0.05)
    assert (user, name) in world.hub.servers.removals
    assert await _count(world, temporary_users) == 0
    assert await _count(world, sessions, sessions.c.deleted_at.is_(None)) == 0


async def test_a_server_that_is_never_idle_ends_with_its_users_day(world: World, service: Service) -> None:
    await read_stream(service.client, SPEC)
    ((user, name, _),) = world.hub.servers.starts
    async with world.database.transaction() as connection:
        await connection.execute(text("UPDATE temporary_users SET created_at = now() - interval '25 hours'"))
    async with asyncio.timeout(10):
        while user in world.hub.servers.users:
            await service.process.factory.temporary_users.reconcile()
            await asyncio.sleep(0.05)
    assert (user, name) in world.hub.servers.removals
    assert await _count(world, temporary_users) == 0


async def test_a_launch_that_died_half_way_leaves_nobody(world: World, service: Service) -> None:
    temporary = service.process.factory.temporary_users
    await temporary.create()
    await temporary.reconcile()
    assert len(world.hub.servers.users) == 1  # its launch may be about to be recorded
    async with world.database.transaction() as connection:
        await connection.execute(text("UPDATE temporary_users SET created_at = now() - interval '3 minutes'"))
        await connection.execute(
            text("INSERT INTO temporary_users (name, created_at) VALUES ('temporary-unmade', now() - interval '1 day')")
        )
    world.hub.servers.fail_on("DELETE", 503)
    await temporary.reconcile()
    await temporary.reconcile()
    assert world.hub.servers.users == {}
    assert await _count(world, temporary_users) == 0


async def _count(world: World, table: Table, *conditions: ColumnElement[bool]) -> int:
    async with world.database.transaction() as connection:
        return int(await connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0)
