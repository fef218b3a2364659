"""Administrators' pages: for nobody else, with nobody's rights but theirs, and with other people's text as text."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import Request
from fastapi.responses import JSONResponse
from heliostat_core.contracts.builds import BuildLinks, BuildState, BuildView, EnvironmentView, PlanView
from heliostat_sessions.domain.cookies import BrowserSession
from heliostat_sessions.handlers.dependencies import SESSION_COOKIE

from .conftest import Service, World, wait_for_launch

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
PAGES = ("sessions", "builds", "environments", "timeline", "policies")
SOURCES = ("default: {cpu: 1}\n", "default: {cpu: 2}\nnote: <script>alert(1)</script>\n")


class OtherServices:
    """What the builder and the policy service answer administrators, and whose tokens they were asked with."""

    def __init__(self, world: World) -> None:
        self.tokens: list[str | None] = []
        self.changes: list[Any] = []
        self.builds: list[BuildView] = []
        self.environments: list[EnvironmentView] = []
        self.sources = list(SOURCES)
        builder, policy = "/services/builder/api/v1", "/services/policy/api/v1"
        world.builder.app.get(f"{builder}/builds")(self._list_builds)
        world.builder.app.get(f"{builder}/builds/{{build_id}}")(self._read_build)
        world.builder.app.delete(f"{builder}/builds/{{build_id}}")(self._read_build)
        world.builder.app.get(f"{builder}/environments")(self._list_environments)
        world.policy.app.get(f"{policy}/policies")(self._list_policies)
        world.policy.app.put(f"{policy}/policies")(self._put_policy)

    def _hear(self, request: Request) -> None:
        self.tokens.append(request.headers.get("authorization"))

    async def _list_builds(self, request: Request, limit: int, before: UUID | None = None) -> list[BuildView]:
        self._hear(request)
        first = next((place for place, build in enumerate(self.builds, start=1) if build.id == before), 0)
        return self.builds[first : first + limit]

    async def _read_build(self, request: Request, build_id: UUID) -> BuildView:
        self._hear(request)
        return next(build for build in self.builds if build.id == build_id)

    async def _list_environments(self, request: Request) -> list[EnvironmentView]:
        self._hear(request)
        return self.environments

    async def _list_policies(self, request: Request, limit: int, before: int = 2**31 - 1) -> Any:
        self._hear(request)
        versions = [
            {"version": number, "changed_at": NOW, "changed_by": "root", "comment": "", "source": source}
            for number, source in enumerate(self.sources, start=1)
            if number < before
        ]
        newest = [{**version, "document": None} for version in reversed(versions)][:limit]
        return {"in_force": len(self.sources), "versions": newest}

    async def _put_policy(self, request: Request) -> Any:
        self._hear(request)
        self.changes.append(await request.json())
        problem = {"line": 3, "column": 8, "field": "default.cpu", "message": "no number", "remedy": "Write one."}
        error = {"code": "invalid_policy", "message": "Line 3", "details": {"problems": [problem]}}
        return JSONResponse(error, status_code=422)


@pytest.fixture
def others(world: World) -> OtherServices:
    return OtherServices(world)


def sign_in(world: World, service: Service, name: str, *, admin: bool = False) -> None:
    """Give the client the cookie of somebody who signed in."""
    token = world.add_user(name, admin=admin)["Authorization"].removeprefix("Bearer ")
    cookie = service.process.factory.cookies.write(BrowserSession(token=token, user=name))
    service.client.cookies.set(SESSION_COOKIE, cookie)


async def test_the_pages_are_for_administrators(world: World, service: Service, others: OtherServices) -> None:
    sign_in(world, service, "alice")
    for page in (*PAGES, f"builds/{uuid4()}", "policies/1"):
        refused = await service.client.get(f"admin/{page}")
        assert refused.status_code == 403
        assert "custom:heliostat:admin" in refused.text
    assert others.tokens == [], "nobody was asked"


async def test_users_change_nothing_through_them(world: World, service: Service, others: OtherServices) -> None:
    alice, root = world.add_user("alice"), world.add_user("root", admin=True)
    refused = await service.client.put("api/v1/admin/policies", json={"source": ""}, headers=alice)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await service.client.delete(f"api/v1/admin/builds/{uuid4()}", headers=alice)).status_code == 403
    assert others.tokens == []
    answer = await service.client.put("api/v1/admin/policies", json={"source": "x", "dry_run": True}, headers=root)
    assert (answer.status_code, answer.json()["details"]["problems"][0]["line"]) == (422, 3)
    assert others.tokens == [root["Authorization"]], "with the rights of who asks"
    assert others.changes[0]["dry_run"] is True


async def test_servers_of_everybody_page_by_page(world: World, service: Service) -> None:
    for name in ("alice", "bob"):
        headers = world.add_user(name)
        launch = await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=headers)
        await wait_for_launch(service, launch.json()["id"], headers)
    sign_in(world, service, "root", admin=True)
    page = (await service.client.get("admin/sessions")).text
    assert "alice&#39;s server demo" in page
    assert 'data-path="sessions/demo?user=bob"' in page
    rest = (await service.client.get("admin/sessions?after_user=alice&after_name=demo")).text
    assert "bob&#39;s server demo" in rest
    assert "alice" not in rest


async def test_a_build_with_its_log_as_text(world: World, service: Service, others: OtherServices) -> None:
    alice = world.add_user("alice")
    launch = await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)
    plan = PlanView.model_validate(launch.json()["plan"])
    build = BuildView(
        id=uuid4(),
        state=BuildState.RUNNING,
        plan=plan,
        requested_by="alice",
        created_at=NOW,
        links=BuildLinks(self="", log=""),
    )
    others.builds.append(build)
    await world.builder.write_lines(build.id, "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "<script>alert(1)</script>")
    sign_in(world, service, "root", admin=True)
    assert f'href="/services/binder/admin/builds/{build.id}"' in (await service.client.get("admin/builds")).text
    page = (await service.client.get(f"admin/builds/{build.id}")).text
    assert '<span id="L1">red\n' in page
    assert "\x1b" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert f'data-path="admin/builds/{build.id}"' in page
    after = (await service.client.get(f"admin/builds/{build.id}?after=2")).text
    assert '<span id="L3">' in after
    assert '<span id="L1">' not in after
    assert set(others.tokens) == {"Bearer token-of-root"}


async def test_builds_and_policies_page_by_page(world: World, service: Service, others: OtherServices) -> None:
    alice = world.add_user("alice")
    launch = await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)
    plan = PlanView.model_validate(launch.json()["plan"])
    links = BuildLinks(self="", log="")
    for _ in range(101):
        others.builds.append(
            BuildView(id=uuid4(), state=BuildState.FAILED, plan=plan, requested_by="alice", created_at=NOW, links=links)
        )
    others.sources = [f"default: {{cpu: {number}}}\n" for number in range(1, 103)]
    sign_in(world, service, "root", admin=True)
    first = (await service.client.get("admin/builds?state=failed")).text
    older = f"repo=&amp;state=failed&amp;before={others.builds[99].id}"
    assert f'href="?{older}"' in first
    assert str(others.builds[100].id) not in first
    rest = (await service.client.get(f"admin/builds?{older.replace('&amp;', '&')}")).text
    assert str(others.builds[100].id) in rest
    assert "Older builds" not in rest
    assert 'href="?before=3"' in (await service.client.get("admin/policies")).text
    oldest = (await service.client.get("admin/policies?before=3")).text
    assert "Version 2<" in oldest
    assert "Older versions" not in oldest
    assert "policies.js" not in oldest, "what can be changed is the newest"
    assert "<ins>+default: {cpu: 2}</ins>" in (await service.client.get("admin/policies/2")).text


async def test_environments_say_when_they_were_used(world: World, service: Service, others: OtherServices) -> None:
    for name, used in (("env-a", NOW), ("env-b", None)):
        view = EnvironmentView(
            id=name, created_at=NOW, build_id=None, recipe="1", python="3.11", lock="", size=2**20, last_used_at=used
        ).model_copy(update={"pinned_by": "grace", "pinned_at": NOW} if used else {})
        others.environments.append(view)
    sign_in(world, service, "root", admin=True)
    page = (await service.client.get("admin/environments")).text
    assert page.count("2026-11-23 12:30:00 UTC") == 4
    assert page.count("by grace, ") == 1
    assert "never" in page


async def test_a_policy_shows_what_it_changed(world: World, service: Service, others: OtherServices) -> None:
    sign_in(world, service, "root", admin=True)
    page = (await service.client.get("admin/policies/2")).text
    assert "<del>-default: {cpu: 1}</del>" in page
    assert "<ins>+default: {cpu: 2}</ins>" in page
    assert "<script>alert" not in page
    assert "What changed since" not in (await service.client.get("admin/policies/1")).text
    assert (await service.client.get("admin/policies/3")).status_code == 404
    form = (await service.client.get("admin/policies")).text
    assert 'data-version="2"' in form
    assert "&lt;script&gt;alert(1)" in form
    assert len(others.tokens) == 4


async def test_the_timeline_links_what_belongs_together(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)).json()
    done = await wait_for_launch(service, launch["id"], alice)
    sign_in(world, service, "root", admin=True)
    page = (await service.client.get("admin/timeline", params={"user": "alice", "kind": "launch", "repo": ""})).text
    assert f'href="/services/binder/admin/timeline?launch={launch["id"]}"' in page
    assert f'href="/services/binder/admin/timeline?session={done["session_id"]}"' in page
    assert "alice asked to launch ska/demo at HEAD" in page
    assert "session.created.v1" not in page
    of_launch = (await service.client.get("admin/timeline", params={"launch": launch["id"]})).text
    assert "session.created.v1" in of_launch
    assert (await service.client.get("admin/timeline?launch=x")).status_code == 404
