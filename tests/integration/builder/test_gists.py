"""Gists: found out about through GitHub's API, fetched with git."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.records import FakeRecords
from tests.support.server import serving

GIST = "8c45c13edc6bb4ec2d82c0a9c4a3d1e5"


@pytest.fixture
async def host() -> AsyncIterator[FakeRecords]:
    records = FakeRecords()
    async with serving(records.app) as url:
        records.url = url
        yield records


@pytest.fixture
def settings(settings: dict[str, Any], host: FakeRecords, git) -> dict[str, Any]:
    # A path in front of the gists keeps them apart from what is GitHub's on the same server.
    return {**settings, "github_api_url": host.url, "gist_url": git.url, "github_url": "http://127.0.0.1:9"}


@pytest.fixture
def plan(ada):
    async def ask(builder, repo: str, **options: Any):
        body = {"provider": "gist", "repo": repo, **options}
        return (await builder.post("api/v1/plans", json=body, headers=ada)).json()

    return ask


async def test_a_gist_is_its_newest_version_or_one_that_is_named_in_full(replica, plan, git, host):
    repository = git.create(GIST)
    old = repository.commit({"a.ipynb": "1"})
    new = repository.commit({"a.ipynb": "2"})
    host.add_gist(GIST, [new, old])
    async with replica(resolution_time="0s", github_token="token-of-github") as builder:
        for spec in (f"Ada/{GIST}", f"bob/{GIST}/HEAD", f"ada/{GIST}/master"):
            answer = await plan(builder, spec, spec=True)
            assert (answer["commit"], answer["repo"]) == (new, f"{git.url}/{GIST}.git")
        assert answer["resolved_spec"] == f"ada/{GIST}/{new}"
        assert answer["ref_url"] == f"{git.url}/ada/{GIST}/{new}"
        assert (await plan(builder, f"ada/{GIST}/{old}", spec=True))["commit"] == old
        host.status = 503
        again = await plan(builder, answer["repo"], ref=new)  # how a plan is asked for once more
        assert again["image_id"] == answer["image_id"]
        host.status = None
        for ref, reason in ((new[:7], "first digits"), ("v1", "no branches"), ("0" * 40, "no such version")):
            answer = await plan(builder, f"ada/{GIST}/{ref}", spec=True)
            assert answer["code"] == "ref_not_found"
            assert reason in answer["message"]
        assert (await plan(builder, "ada/00ff", spec=True))["code"] == "repository_not_found"
        asked = [tag for path, tag in host.asked if path == f"gists/{GIST}"]
    assert asked[0] is None
    assert asked[1]  # conditionally


async def test_secret_gists_are_built_only_where_the_operator_says_so(replica, plan, git, host):
    sha = git.create(GIST).commit({"a": "1"})
    host.add_gist(GIST, [sha], public=False)
    async with replica() as builder:
        for ref in ("HEAD", sha):
            answer = await plan(builder, f"ada/{GIST}/{ref}", spec=True)
            assert (answer["code"], "ALLOW_SECRET_GISTS" in answer["remedy"]) == ("secret_gist", True)
        host.status = 503
        assert (await plan(builder, f"ada/{GIST}"))["code"] == "upstream_unreachable"  # git is not asked instead
        host.status = None
    async with replica(allow_secret_gists=True) as builder:
        assert (await plan(builder, f"ada/{GIST}"))["commit"] == sha
