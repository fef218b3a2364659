"""Builds that many ask for, that are cancelled, that take too long."""

import asyncio
from uuid import uuid4

import pytest
from heliostat_core.contracts.builds import PlanView
from sqlalchemy import text

from tests.integration.builder.conftest import SESSIONS, build, follow, wait_until

ENDLESS = "#!/bin/sh\necho begun\nsleep 600\n"


@pytest.fixture
def endless(git):
    """A repository whose build does not end by itself."""
    repository = git.create("ada/endless")
    repository.commit({"postBuild": ENDLESS})
    return repository


async def request(client, headers, repo):
    response = await client.post("api/v1/builds", json={"repo": repo}, headers=headers)
    assert response.status_code == 202, response.text
    return response.json()


async def has_begun(client, headers, build_id) -> bool:
    log = await client.get(f"api/v1/builds/{build_id}/log", headers={**headers, "Accept": "text/plain"})
    return "begun" in log.text.splitlines()


async def test_twenty_requests_at_two_replicas_are_one_build(replica, git, hub, database, new_requirement):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": new_requirement})
    users = [hub.add_user(f"user{number}") for number in range(20)]
    async with replica() as one, replica() as two:
        clients = [one, two] * 10
        builds = await asyncio.gather(
            *(request(client, user, repository.url) for client, user in zip(clients, users, strict=True))
        )
        assert len({found["id"] for found in builds}) == 1
        logs = await asyncio.gather(
            *(follow(client, builds[0]["id"], user) for client, user in zip(clients, users, strict=True))
        )
    assert all(lines == logs[0][0] and end["state"] == "succeeded" for lines, end in logs)
    assert [line["number"] for line in logs[0][0]] == list(range(1, len(logs[0][0]) + 1))
    async with database.transaction() as connection:
        started = text("SELECT count(*) FROM events WHERE kind = 'build.started.v1'")
        assert (await connection.execute(started)).scalar_one() == 1


async def test_only_services_say_to_which_launch_a_build_belongs(builder, git, ada, database):
    repository = git.create("ada/lens")
    launch_id = uuid4()
    for number, headers in enumerate((ada, SESSIONS)):
        body = {"repo": repository.url, "ref": repository.commit({"a": str(number)})}
        named = {**headers, "X-Heliostat-Correlation-Id": str(launch_id)}
        assert (await builder.post("api/v1/builds", json=body, headers=named)).status_code == 202
    asked = text("SELECT correlation_id FROM events WHERE kind = 'build.requested.v1' ORDER BY position")
    async with database.transaction() as connection:
        assert list((await connection.execute(asked)).scalars()) == [None, launch_id]


async def test_two_commits_of_one_environment_build_it_once(builder, git, ada, new_requirement):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": new_requirement, "a": "1"})
    first = await request(builder, ada, repository.url)
    second_commit = repository.commit({"a": "2"})
    second = await builder.post("api/v1/builds", json={"repo": repository.url, "ref": second_commit}, headers=ada)
    one, two = await asyncio.gather(follow(builder, first["id"], ada), follow(builder, second.json()["id"], ada))
    assert [end["state"] for _, end in (one, two)] == ["succeeded", "succeeded"]
    solved = [any(line["phase"] == "solve" for line in lines) for lines, _ in (one, two)]
    assert solved.count(True) == 1


async def test_a_cancelled_build_stops_at_once_with_all_its_processes(builder, endless, ada, state):
    found = await request(builder, ada, endless.url)
    await wait_until(lambda: has_begun(builder, ada, found["id"]))
    cancelled = await builder.delete(f"api/v1/builds/{found['id']}", headers=ada)
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    lines, end = await follow(builder, found["id"], ada)
    assert end["state"] == "cancelled"

    async def is_gone() -> bool:
        return not (state / "staging" / "builds" / found["id"]).exists()

    await wait_until(is_gone)
    assert (await follow(builder, found["id"], ada))[0] == lines
    again = await builder.delete(f"api/v1/builds/{found['id']}", headers=ada)
    assert (again.status_code, again.json()["code"]) == (409, "build_ended")


async def test_only_whoever_asked_may_see_or_cancel_a_build(builder, endless, ada, admin, hub):
    eve = hub.add_user("eve")
    found = await request(builder, ada, endless.url)
    path = f"api/v1/builds/{found['id']}"
    for method, url in (("GET", path), ("GET", f"{path}/log"), ("DELETE", path)):
        assert (await builder.request(method, url, headers=eve)).status_code == 404
    assert (await builder.get("api/v1/builds", headers=eve)).json() == []
    assert (await builder.get(path, headers=SESSIONS)).status_code == 200
    other = {**SESSIONS, "X-Heliostat-On-Behalf-Of": "eve"}
    assert (await builder.delete(path, headers=other)).status_code == 403
    assert (await request(builder, eve, endless.url))["id"] == found["id"]
    refused = await builder.delete(path, headers=ada)
    assert (refused.status_code, refused.json()["code"]) == (409, "build_shared")
    assert (await builder.delete(path, headers=admin)).json()["state"] == "cancelled"


async def test_a_service_may_name_the_user_and_nobody_else_may(builder, git, ada, policy, new_requirement):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": new_requirement})
    behalf = {"X-Heliostat-On-Behalf-Of": "gr%C3%A4ce", "X-Heliostat-Group": "optics"}
    refused = await builder.post("api/v1/builds", json={"repo": repository.url}, headers={**ada, **behalf})
    assert refused.status_code == 403
    found = await request(builder, {**SESSIONS, **behalf}, repository.url)
    assert found["requested_by"] == "gräce"
    assert [(asked.user, asked.groups, asked.repository) for asked in policy.asked] == [
        ("gräce", ["optics"], found["plan"]["repo"])
    ]


async def test_policy_can_refuse_and_without_policy_nothing_is_built(
    builder, replica, git, ada, policy, new_requirement
):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": new_requirement})
    policy.allows = False
    refused = await builder.post("api/v1/builds", json={"repo": repository.url}, headers=ada)
    assert (refused.status_code, refused.json()["details"]) == (403, {"rule": "launches", "policy_version": 7})
    async with replica(policy_url="http://127.0.0.1:9/services/policy/") as lonely:
        failed = await lonely.post("api/v1/builds", json={"repo": repository.url}, headers=ada)
        assert failed.status_code == 503
    assert (await builder.get("api/v1/builds", headers=ada)).json() == []


@pytest.mark.parametrize(
    ("setting", "code"), [("build_deadline", "deadline_exceeded"), ("build_silence_deadline", "build_silent")]
)
async def test_a_build_that_takes_too_long_is_stopped(replica, endless, ada, setting, code):
    endless.commit({"other": setting})
    async with replica(**{setting: "12s"}) as builder:
        built = await build(builder, ada, endless.url)
    assert (built["state"], built["failure"]["code"]) == ("failed", code)
    assert built["failure"]["details"]["log_line"]
    assert built["failure"]["remedy"]


async def test_requirements_that_cannot_be_met_fail_with_the_solvers_words(builder, git, ada):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": "lens==1.0\nlens==2.0\n"})
    built = await build(builder, ada, repository.url)
    assert (built["state"], built["failure"]["code"]) == ("failed", "solve_failed")
    assert "lens==1.0" in built["failure"]["message"]


async def test_a_log_is_resumed_where_it_was_left(builder, git, ada):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": "lens\n"})
    built = await build(builder, ada, repository.url)
    lines, end = await follow(builder, built["id"], ada)
    assert end == {"state": "succeeded", "final": True}
    for after in (0, 1, len(lines)):
        assert await follow(builder, built["id"], ada, after=after) == (lines[after:], end)
    path = f"api/v1/builds/{built['id']}/log"
    text_log = await builder.get(path, headers={**ada, "Accept": "text/plain"})
    assert text_log.text.splitlines() == [line["text"] for line in lines]
    assert (await builder.get(f"{path}?after=x", headers=ada)).json()["code"] == "bad_event_id"


async def test_builds_are_listed_page_by_page(builder, ada, admin, database):
    texts = dict.fromkeys(PlanView.model_fields, "x")
    plan = PlanView.model_validate({**texts, "decision": "full", "config_files": [], "warnings": []}).model_dump_json()
    async with database.transaction() as connection:
        await connection.execute(_SIX_BUILDS, {"plan": plan})
        statement = text("SELECT id::text FROM builds WHERE requested_by = 'eve'")
        others = (await connection.execute(statement)).scalar_one()

    async def list_(headers, **parameters):
        answer = await builder.get("api/v1/builds", params={"limit": 2, **parameters}, headers=headers)
        assert answer.status_code == 200, answer.text
        return [build["id"] for build in answer.json()]

    for headers, number in ((ada, 5), (admin, 6)):
        pages: list[list[str]] = []
        before: dict[str, str] = {}
        while page := await list_(headers, **before):
            pages.append(page)
            before = {"before": page[-1]}
        assert [len(page) for page in pages] == [2, 2, number - 4]
        assert [build for page in pages for build in page] == await list_(headers, limit=10)
    assert await list_(ada, before=others) == []


_SIX_BUILDS = text("""
INSERT INTO builds (id, image_id, state, repo, plan, requested_by, requesters, created_at)
SELECT gen_random_uuid(), n::text, 'failed', 'r', CAST(:plan AS jsonb), who, ARRAY[who],
       TIMESTAMPTZ '2026-11-23' + n / 2 * interval '1 minute'
FROM generate_series(1, 6) AS n, LATERAL (SELECT CASE n WHEN 3 THEN 'eve' ELSE 'ada' END) AS asked (who)
""")
"""Two at a time, but for the first and the last."""
