"""Sharing a server: who may, what it leaves in the log, and what policy has to say."""

from typing import Any

from heliostat_core.contracts.policy import AdmissionAction
from sqlalchemy import text

from .conftest import Service, World

SHARES = "api/v1/sessions/work/shares"


async def make_server(world: World, service: Service, name: str = "work") -> dict[str, str]:
    alice = world.add_user("alice")
    world.hub.servers.add("alice", name)
    world.hub.servers.add("bob")
    await service.process.factory.reconciler.reconcile_user("alice")
    return alice


async def list_kinds(world: World) -> list[str]:
    statement = text("SELECT kind FROM events WHERE stream LIKE 'session-%' AND kind LIKE '%shared%' ORDER BY position")
    async with world.database.transaction() as connection:
        return list(await connection.scalars(statement))


async def share(service: Service, headers: dict[str, str], **guest: str) -> Any:
    return await service.client.post(SHARES, json=guest, headers=headers)


async def test_a_server_is_shared_listed_and_taken_back(world: World, service: Service) -> None:
    alice = await make_server(world, service)
    world.hub.shares.groups.add("hpc")
    given = await share(service, alice, user="bob")
    assert (given.status_code, given.json()["kind"], given.json()["name"]) == (201, "user", "bob")
    assert (await share(service, alice, group="hpc")).status_code == 201
    assert (await share(service, alice, user="bob")).status_code == 201
    names = [item["name"] for item in (await service.client.get(SHARES, headers=alice)).json()]
    assert names == ["bob", "hpc"]
    assert (await service.client.delete(f"{SHARES}/user/bob", headers=alice)).status_code == 204
    assert (await service.client.delete(f"{SHARES}/group/nobody", headers=alice)).status_code == 204
    assert (await service.client.delete(SHARES, headers=alice)).status_code == 204
    assert (await service.client.get(SHARES, headers=alice)).json() == []
    assert await list_kinds(world) == ["session.shared.v1"] * 3 + ["session.unshared.v1"] * 3


async def test_the_guest_finds_it_once_with_where_it_came_from(world: World, service: Service) -> None:
    alice = await make_server(world, service)
    bob = world.add_user("bob", groups=("hpc",))
    world.hub.servers.groups["bob"] = ["hpc"]
    world.hub.shares.groups.add("hpc")
    assert (await service.client.get("api/v1/shared", headers=bob)).json() == []
    await share(service, alice, user="bob")
    await share(service, alice, group="hpc")
    (found,) = (await service.client.get("api/v1/shared", headers=bob)).json()
    assert (found["owner"], found["name"], found["ready"]) == ("alice", "work", True)
    assert found["url"] == "http://hub.example/user/alice/work/"
    assert found["shared_with"]["kind"] == "user"
    assert (await service.client.get("api/v1/shared", headers=alice)).json() == []


async def test_policy_is_asked_and_its_refusal_says_rule_and_remedy(world: World, service: Service) -> None:
    alice = await make_server(world, service)
    world.policy.rules = world.policy.rules.model_copy(update={"sharing": False})
    refused = await share(service, alice, user="bob")
    assert (refused.status_code, refused.json()["code"]) == (403, "sharing")
    assert refused.json()["remedy"]
    asked = world.policy.admissions[-1]
    assert (asked.action, asked.server_name, asked.share_with) == (AdmissionAction.SHARE, "work", "user bob")
    assert asked.session_id is not None
    assert world.hub.shares.granted == {}
    assert await list_kinds(world) == []


async def test_without_policy_nothing_is_shared(world: World, service: Service) -> None:
    alice = await make_server(world, service)
    world.policy.down = True
    assert (await share(service, alice, user="bob")).status_code == 503
    assert world.hub.shares.granted == {}


async def test_bad_guests_are_refused_in_plain_words(world: World, service: Service) -> None:
    alice = await make_server(world, service)
    for guest, code, field in (
        ({"user": "nobody"}, "guest_unknown", "user"),
        ({"group": "nowhere"}, "guest_unknown", "group"),
        ({"user": "alice"}, "guest_is_owner", "user"),
        ({"user": "bob", "group": "hpc"}, "invalid_request", None),
        ({}, "invalid_request", None),
    ):
        answer = await share(service, alice, **guest)
        assert (answer.status_code, answer.json()["code"]) == (422, code), guest
        assert field is None or answer.json()["field"] == field


async def test_nobody_shares_or_sees_the_shares_of_anothers_server(world: World, service: Service) -> None:
    alice = await make_server(world, service)
    bob, root = world.add_user("bob"), world.add_user("root", admin=True)
    await share(service, alice, user="bob")
    assert (await share(service, bob, user="bob")).status_code == 404
    for method in ("GET", "DELETE"):
        answer = await service.client.request(method, f"{SHARES}?user=alice", headers=bob)
        assert answer.status_code == 404
    assert (await service.client.get(SHARES)).status_code == 401
    assert (await share(service, root, user="bob")).status_code == 404
    assert (await service.client.delete(f"{SHARES}/user/bob?user=alice", headers=root)).status_code == 204
    assert world.hub.shares.granted[("alice", "work")] == []


async def test_a_token_without_the_scopes_is_told_which_it_needs(world: World, service: Service) -> None:
    alice = await make_server(world, service)
    world.hub.shares.limited.add("token-of-alice")
    answer = await share(service, alice, user="bob")
    assert (answer.status_code, answer.json()["code"]) == (403, "share_scope_missing")
    assert "shares!user" in answer.json()["remedy"]


async def test_deleting_a_default_server_ends_its_shares(world: World, service: Service) -> None:
    alice = await make_server(world, service, "")
    await service.client.post("api/v1/sessions/~default/shares", json={"user": "bob"}, headers=alice)
    assert world.hub.shares.granted == {("alice", ""): [("user", "bob")]}
    answer = await service.client.delete("api/v1/sessions/~default", headers=alice)
    assert answer.status_code == 202
    again = await service.client.post("api/v1/sessions/~default/shares", json={"user": "bob"}, headers=alice)
    assert again.status_code in {404, 409}  # being deleted, or deleted already
    assert world.hub.shares.granted == {}
    assert (await list_kinds(world))[-1] == "session.unshared.v1"
