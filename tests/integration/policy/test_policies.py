"""Policies over HTTP: reading, changing, refusing; every replica decides by the same one."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from heliostat_core.contracts.events import SessionCreated
from heliostat_core.database import Database
from heliostat_core.eventstore import EventStore, NewEvent
from heliostat_core.ids import session_stream
from sqlalchemy import text

from tests.integration.policy.conftest import DECIDER, DEFAULT_POLICY, Replica, wait_until

DEFAULT = DEFAULT_POLICY.read_text()
Headers = dict[str, str]


async def put(client: httpx.AsyncClient, admin: Headers, source: str, **more: Any) -> httpx.Response:
    return await client.put("api/v1/policies", headers=admin, json={"source": source, **more})


def with_servers(count: int) -> str:
    return DEFAULT.replace("named_servers: 5", f"named_servers: {count}")


async def create_session(database: Database, user: str, name: str) -> UUID:
    session_id = uuid4()
    created = SessionCreated(session_id=session_id, user=user, server_name=name, origin="api")
    async with database.transaction() as connection:
        event = NewEvent(data=created, actor=user)
        await EventStore(database=database).append(connection, session_stream(session_id), [event], expected=0)
    return session_id


async def effective(client: httpx.AsyncClient, headers: Headers, **params: Any) -> Any:
    response = await client.get("api/v1/policy", headers=headers, params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_fresh_installation_has_the_default_policy_as_version_one(
    policy: httpx.AsyncClient, admin: Headers
) -> None:
    answer = (await policy.get("api/v1/policies", headers=admin)).json()
    assert answer["in_force"] == 1
    assert [(version["version"], version["source"]) for version in answer["versions"]] == [(1, DEFAULT)]


async def test_versions_are_listed_page_by_page(policy: httpx.AsyncClient, admin: Headers) -> None:
    for count in (1, 2, 3):
        assert (await put(policy, admin, with_servers(count))).status_code == 200

    async def list_(**params: int) -> tuple[int, list[int]]:
        answer = (await policy.get("api/v1/policies", headers=admin, params=params)).json()
        return answer["in_force"], [version["version"] for version in answer["versions"]]

    assert await list_(limit=2) == (4, [4, 3])
    assert await list_(limit=2, before=3) == (4, [2, 1])
    assert await list_(before=1) == (4, [])


async def test_the_effective_policy_has_the_values_of_the_design(policy: httpx.AsyncClient, ada: Headers) -> None:
    view = await effective(policy, ada)
    assert view["rules"] == {
        "server_name_length": 20,
        "named_servers": 5,
        "idle_timeout": "2h",
        "idle_warning": "10min",
        "storage": "2GiB",
        "cpu": 1.0,
        "memory": "2GB",
        "require_enforcement": False,
        "launches": True,
        "sharing": True,
    }
    assert set(view["source"].values()) == {"default"}
    assert view["usage"] == {"named_servers": 0, "named_servers_left": 5, "servers": []}
    assert view["groups"] == ["hpc"]


async def test_two_replicas_that_start_at_once_make_one_first_version(replica: Replica, admin: Headers) -> None:
    async with replica() as one, replica() as two:
        answers = await asyncio.gather(*(client.get("api/v1/policies", headers=admin) for client in (one, two)))
    assert [len(answer.json()["versions"]) for answer in answers] == [1, 1]


async def test_a_change_is_in_force_at_once_here_and_within_a_second_elsewhere(
    replica: Replica, admin: Headers, ada: Headers
) -> None:
    async with replica() as here, replica() as there:
        changed = await put(here, admin, with_servers(7), comment="more", expected_version=1)
        assert changed.json()["version"] == 2
        assert (await effective(here, ada))["rules"]["named_servers"] == 7

        async def is_there() -> bool:
            return bool((await effective(there, ada))["policy_version"] == 2)

        await wait_until(is_there, seconds=1.5)


async def test_a_bad_policy_is_refused_with_its_place_and_changes_nothing(
    policy: httpx.AsyncClient, admin: Headers, ada: Headers
) -> None:
    response = await put(policy, admin, DEFAULT.replace("memory: 2GB", "memory: 2"))
    assert response.status_code == 422
    error = response.json()
    line = DEFAULT.splitlines().index("  memory: 2GB") + 1
    assert error["code"] == "invalid_policy"
    assert (error["field"], error["details"]["line"]) == ("default.memory", line)
    assert "unit" in error["message"]
    assert error["remedy"]
    assert (await effective(policy, ada))["policy_version"] == 1


async def test_a_change_to_another_version_than_the_one_in_force_conflicts(
    policy: httpx.AsyncClient, admin: Headers
) -> None:
    await put(policy, admin, with_servers(6), expected_version=1)
    response = await put(policy, admin, with_servers(7), expected_version=1)
    assert (response.status_code, response.json()["code"]) == (409, "policy_version_conflict")


async def test_simultaneous_changes_of_one_version_have_one_winner(replica: Replica, admin: Headers) -> None:
    async with replica() as one, replica() as two:
        changes = [
            put(client, admin, with_servers(count), expected_version=1)
            for count, client in enumerate([one, two] * 4, start=10)
        ]
        statuses = [response.status_code for response in await asyncio.gather(*changes)]
    assert sorted(statuses) == [200] + [409] * 7


async def test_the_same_text_again_is_no_new_version(policy: httpx.AsyncClient, admin: Headers) -> None:
    answer = (await put(policy, admin, DEFAULT)).json()
    assert (answer["version"], answer["changed"]) == (1, False)


async def test_a_dry_run_says_what_would_change_and_for_whom_and_changes_nothing(
    policy: httpx.AsyncClient, admin: Headers, ada: Headers, database: Database
) -> None:
    for name in ("one", "two", ""):
        await create_session(database, "ada", name)

    async def are_counted() -> bool:
        return bool((await effective(policy, ada))["usage"]["named_servers"] == 2)

    await wait_until(are_counted)
    answer = (await put(policy, admin, with_servers(1), dry_run=True)).json()
    assert (answer["version"], answer["changed"], answer["dry_run"]) == (2, False, True)
    assert answer["effects"]["changes"] == [{"scope": "default", "rule": "named_servers", "before": 5, "after": 1}]
    (excess,) = answer["effects"]["excesses"]
    assert (excess["user"], excess["rule"], excess["limit"], excess["current"]) == ("ada", "named_servers", 1, 2)
    assert (await effective(policy, ada))["policy_version"] == 1


async def test_a_dry_run_counts_the_groups_a_user_was_last_seen_in(
    policy: httpx.AsyncClient, admin: Headers, database: Database
) -> None:
    await create_session(database, "ada", "one")
    request = {"action": "start", "user": "ada", "groups": ["hpc"], "server_name": "one"}
    await policy.post("api/v1/decisions/admission", headers=DECIDER, json=request)
    override = "overrides: [{name: few, match: {group: hpc}, rules: {named_servers: 0}}]"
    source = DEFAULT.replace("overrides: []", override)

    async def is_counted() -> bool:
        return bool((await put(policy, admin, source, dry_run=True)).json()["effects"]["users_checked"] == 1)

    await wait_until(is_counted)
    effects = (await put(policy, admin, source, dry_run=True)).json()["effects"]
    assert [(excess["user"], excess["limit"]) for excess in effects["excesses"]] == [("ada", 0)]


async def test_yaml_is_taken_and_given_as_it_is(policy: httpx.AsyncClient, admin: Headers) -> None:
    source = with_servers(9)
    yaml = admin | {"Content-Type": "text/yaml"}
    params: dict[str, str | int] = {"comment": "from a file", "expected_version": 1}
    response = await policy.put("api/v1/policies", headers=yaml, params=params, content=source)
    assert response.json()["version"] == 2
    got = await policy.get("api/v1/policies", headers=admin | {"Accept": "text/yaml"})
    assert got.text == source
    assert got.headers["content-type"].startswith("text/yaml")


async def test_the_history_tells_what_an_override_left_out_from_what_it_set_to_null(
    policy: httpx.AsyncClient, admin: Headers
) -> None:
    override = "overrides: [{name: forever, match: {user: ada}, rules: {idle_timeout: null}}]"
    await put(policy, admin, DEFAULT.replace("overrides: []", override), comment="for ada")
    newest = (await policy.get("api/v1/policies", headers=admin)).json()["versions"][0]
    assert (newest["version"], newest["comment"], newest["changed_by"]) == (2, "for ada", "root")
    assert newest["document"]["overrides"][0]["rules"] == {"idle_timeout": None}


async def test_a_version_that_cannot_be_read_leaves_the_old_one_in_force(
    policy: httpx.AsyncClient, admin: Headers, ada: Headers, database: Database
) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("INSERT INTO policies VALUES (2, 'default', '', now(), 'a newer release')"))
    root = str(policy.base_url).removesuffix("services/policy/")

    async def is_counted() -> bool:
        return "heliostat_policy_reload_failures_total 1.0" in (await policy.get(f"{root}metrics")).text

    await wait_until(is_counted)
    assert (await effective(policy, ada))["policy_version"] == 1
    assert (await policy.get("api/v1/policies", headers=admin)).json()["versions"][0]["document"] is None


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"source": 1}', b'{"source": "a", "dryrun": true}'])
async def test_a_body_that_is_no_change_is_refused(policy: httpx.AsyncClient, admin: Headers, content: bytes) -> None:
    response = await policy.put("api/v1/policies", headers=admin, content=content)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_a_huge_body_is_refused(policy: httpx.AsyncClient, admin: Headers) -> None:
    response = await policy.put("api/v1/policies", headers=admin, content=b"x" * 1_100_000)
    assert (response.status_code, response.json()["code"]) == (413, "policy_too_large")
