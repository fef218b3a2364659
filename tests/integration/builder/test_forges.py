"""GitHub's and GitLab's APIs, answered by a stub on loopback with the statuses and headers the real ones use."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import time
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response

from tests.support.server import serving


@dataclass
class StubForge:
    """One commit for every ref, an ETag for it, and a status that spoils all answers."""

    app: FastAPI = field(default_factory=FastAPI)
    commit: str = "0" * 40
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app.get("/repos/{path:path}")(self._answer_github)
        self.app.get("/api/v4/{path:path}")(self._answer_gitlab)

    async def _answer_github(self, request: Request) -> Response:
        assert request.headers["accept"] == "application/vnd.github.sha"
        return self._answer(request, self.commit)

    async def _answer_gitlab(self, request: Request) -> Response:
        return self._answer(request, f'{{"id": "{self.commit}"}}')

    def _answer(self, request: Request, body: str) -> Response:
        known = request.headers.get("if-none-match")
        self.asked.append((request.scope["raw_path"].decode(), known))
        headers = {"etag": f'"{self.commit[:8]}"', "x-ratelimit-remaining": "59", **self.headers}
        if self.status == 200 and known == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(body, status_code=self.status, headers=headers)


@pytest.fixture
def forge() -> StubForge:
    return StubForge()


@pytest.fixture
async def settings(settings: dict[str, Any], forge: StubForge, git) -> AsyncIterator[dict[str, Any]]:
    async with serving(forge.app) as url:
        yield {**settings, "github_api_url": url, "github_url": git.url, "gitlab_url": url}


@pytest.fixture
def repository(git, forge):
    repository = git.create("ada/lens")
    forge.commit = repository.commit({"readme.md": "one"})
    return repository


@pytest.fixture
def plan(replica, ada):
    async def ask(builder, repo: str, ref: str = "HEAD", **options: Any):
        return await builder.post("api/v1/plans", json={"repo": repo, "ref": ref, **options}, headers=ada)

    return ask


async def test_a_ref_is_asked_of_the_api_and_then_conditionally(replica, plan, repository, forge):
    async with replica(resolution_time="0s") as builder:
        for _ in range(2):
            assert (await plan(builder, "Ada/Lens", "feature/x")).json()["commit"] == forge.commit
        url = str(builder.base_url).removesuffix("services/builder/")
        metrics = (await builder.get(f"{url}metrics")).text
    path = "/repos/ada/lens/commits/feature/x"
    assert forge.asked == [(path, None), (path, f'"{forge.commit[:8]}"')]
    assert 'heliostat_provider_rate_remaining{provider="gh"} 59.0' in metrics


@pytest.mark.parametrize(
    ("status", "headers"),
    [(403, {"x-ratelimit-remaining": "0"}), (429, {"retry-after": "60"}), (500, {}), (403, {}), (200, {})],
)
async def test_where_the_api_does_not_answer_git_is_asked(replica, plan, repository, forge, status, headers):
    commit = forge.commit
    forge.status, forge.headers = status, headers
    forge.commit = "no sha"
    async with replica() as builder:
        assert (await plan(builder, "ada/lens", "main")).json()["commit"] == commit


async def test_a_rate_limit_is_told_with_its_end_when_git_does_not_help(replica, plan, repository, forge, git):
    forge.status, forge.headers = 403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time()) + 600)}
    git.status = 500
    async with replica() as builder:
        refused = await plan(builder, "ada/lens", "main")
    assert (refused.status_code, refused.json()["code"]) == (503, "rate_limited")
    assert refused.json()["details"]["reset_at"]


@pytest.mark.parametrize(("status", "code"), [(404, "repository_not_found"), (422, "ref_not_found")])
async def test_what_the_api_does_not_know_is_told_apart(replica, plan, repository, forge, status, code):
    forge.status = status
    async with replica() as builder:
        assert (await plan(builder, "ada/lens", "mian")).json()["code"] == code


async def test_gitlab_is_asked_with_encoded_names(replica, plan, repository, forge):
    async with replica() as builder:
        answer = await plan(builder, "group/sub/lens", "feature/x", provider="gl")
    assert forge.asked[0][0] == "/api/v4/projects/group%2Fsub%2Flens/repository/commits/feature%2Fx"
    assert answer.json()["code"] == "repository_not_found"  # the stub serves no git, so the commit cannot be fetched


async def test_an_old_link_to_a_renamed_default_branch_is_helped_with_a_warning(replica, plan, repository, forge):
    commit, forge.status = forge.commit, 422  # the API knows no ref, so git is asked
    async with replica() as builder:
        answer = (await plan(builder, "ada/lens/master", provider="gh", spec=True)).json()
        assert (answer["commit"], answer["ref"]) == (commit, "HEAD")
        assert "update your links" in answer["warnings"][0]
        for written in (
            {"repo": "ada/lens", "ref": "master"},
            {"repo": "ada/lens/mian", "provider": "gh", "spec": True},
        ):
            assert (await plan(builder, **written)).json()["code"] == "ref_not_found"


async def test_the_list_of_providers_is_for_everybody_who_is_signed_in(replica, ada):
    async with replica() as builder:
        assert (await builder.get("api/v1/providers")).status_code == 401
        providers = (await builder.get("api/v1/providers", headers=ada)).json()
    assert [provider["id"] for provider in providers][:2] == ["gh", "gist"]
    assert providers[0]["ref"] == {"enabled": True, "default": "HEAD"}
    assert "detect" not in providers[-1]
