"""Refs of a real repository, over real smart HTTP."""

import pytest

from tests.integration.builder.conftest import SESSIONS


@pytest.fixture
def repository(git):
    repository = git.create("ada/lens")
    repository.commit({"readme.md": "one"})
    return repository


@pytest.fixture
def plan(builder, ada):
    async def ask(repo: str, ref: str = "HEAD", **options: str):
        return await builder.post("api/v1/plans", json={"repo": repo, "ref": ref, **options}, headers=ada)

    return ask


async def test_an_annotated_tag_is_its_commit(plan, repository):
    commit = repository.head()
    assert repository.tag("v1", annotated=True) != commit
    assert (await plan(repository.url, "v1")).json()["commit"] == commit


async def test_a_branch_is_found_by_its_exact_name(plan, repository):
    main = repository.head()
    repository.branch("feature/main")
    feature = repository.commit({"readme.md": "two"})
    assert (await plan(repository.url, "main")).json()["commit"] == main
    assert (await plan(repository.url, "feature/main")).json()["commit"] == feature
    assert (await plan(repository.url, main[:9])).json()["commit"] == main


async def test_a_commit_that_is_no_tip_is_fetched_by_its_sha(plan, repository):
    old = repository.head()
    repository.commit({"readme.md": "two"})
    assert (await plan(repository.url, old)).json()["commit"] == old


@pytest.mark.parametrize("ref", ["mian", "0" * 40, "v9"])
async def test_what_is_not_there_is_said_with_what_is(plan, repository, ref):
    refused = await plan(repository.url, ref)
    assert (refused.status_code, refused.json()["code"]) == (404, "ref_not_found")
    if ref == "mian":
        assert refused.json()["remedy"] == "Did you mean main?"


async def test_a_missing_repository_is_told_from_a_missing_ref(plan, git):
    refused = await plan(f"{git.url}/no/where.git")
    assert (refused.status_code, refused.json()["code"]) == (404, "repository_not_found")


async def test_a_private_repository_is_not_asked_for_a_password(plan, git, repository):
    git.status = 401
    assert (await plan(repository.url)).json()["code"] == "repository_not_found"


async def test_a_host_that_fails_is_not_the_callers_fault(plan, git, repository):
    git.status = 500
    refused = await plan(repository.url)
    assert (refused.status_code, refused.json()["code"]) == (503, "upstream_unreachable")


async def test_redirects_are_not_followed(plan, git, repository):
    git.redirect = "http://169.254.169.254"
    assert (await plan(repository.url)).json()["code"] == "repository_moved"


async def test_plain_files_are_no_repository(plan, git, repository):
    git.smart = False
    refused = await plan(repository.url)
    assert (refused.status_code, refused.json()["code"]) == (422, "repository_plain_files")


async def test_a_host_that_is_too_slow_is_given_up(replica, git, repository, ada):
    git.delay = 20
    async with replica(git_deadline="500ms") as builder:
        refused = await builder.post("api/v1/plans", json={"repo": repository.url}, headers=ada)
    assert (refused.status_code, refused.json()["code"]) == (504, "upstream_timeout")


async def test_a_branch_is_asked_for_once_in_a_while(plan, git, repository):
    commit = (await plan(repository.url)).json()["commit"]
    asked = len(git.requests)
    assert (await plan(repository.url)).json()["commit"] == commit
    assert len(git.requests) == asked


async def test_case_of_a_github_name_does_not_matter(plan, git, repository):
    one, two = await plan("Ada/Lens"), await plan(f"{git.url}/ADA/lens.git")
    assert one.json()["content_id"] == two.json()["content_id"]
    assert one.json()["provider"] == "gh"


@pytest.mark.parametrize("ref", ["--upload-pack=touch${IFS}/tmp/hostile", "-u", "main --exec=x"])
async def test_a_ref_is_never_an_option(plan, repository, ref):
    assert (await plan(repository.url, ref)).json()["code"] == "bad_ref"


@pytest.mark.parametrize(
    "repo",
    ["http://127.0.0.1:1/x/y", "http://169.254.169.254/latest/meta-data", "http://[::1]/x/y", "http://10.0.0.1/x"],
)
async def test_private_addresses_are_refused_unless_allowed(replica, ada, repo):
    async with replica(allowed_private_networks=()) as builder:
        refused = await builder.post("api/v1/plans", json={"repo": repo}, headers=ada)
    assert (refused.status_code, refused.json()["code"]) == (403, "address_refused")


async def test_an_index_at_a_private_address_is_refused(builder, ada, repository):
    repository.commit({"requirements.txt": "--index-url http://169.254.169.254/simple\nsix"})
    answer = await builder.post("api/v1/builds", json={"repo": repository.url}, headers=ada)
    assert answer.json()["code"] == "address_refused"


async def test_credentials_in_an_address_are_not_repeated(plan, git):
    refused = await plan(git.url.replace("http://", "http://ada:hunter2@") + "/x/y")
    assert refused.json()["code"] == "credentials_in_url"
    assert "hunter2" not in refused.text


async def test_a_refusal_is_remembered_with_its_file(plan, git, repository):
    repository.commit({"environment.yml": "name: x"})
    for _ in range(2):
        refused = await plan(repository.url, repository.head())
        assert (refused.status_code, refused.json()["code"]) == (422, "unsupported_configuration")
        assert refused.json()["details"] == {"file": "environment.yml", "runtime": "docker"}
    assert (await plan(repository.url, f"{repository.head()}")).json()["message"].startswith("environment.yml")


async def test_links_out_of_the_repository_are_not_followed(plan, repository):
    repository.commit({"requirements.txt": "->/etc/passwd", "binder/runtime.txt": "->../../../etc/hostname"})
    assert (await plan(repository.url, repository.head())).json()["config_files"] == []


async def test_links_inside_the_repository_are(plan, repository):
    repository.commit({"requirements.txt": "->deps/all.txt", "deps/all.txt": "-r ../more.txt", "more.txt": "six"})
    refused = await plan(repository.url, repository.head())
    assert refused.json()["code"] == "unsupported_configuration"
    repository.commit({"deps/all.txt": "-r more.txt"})
    assert (await plan(repository.url, repository.head())).json()["config_files"] == ["requirements.txt", "more.txt"]


async def test_only_callers_who_may_launch_are_answered(builder, repository, hub):
    body = {"repo": repository.url}
    assert (await builder.post("api/v1/plans", json=body)).status_code == 401
    server = hub.add_server("ada", "x")
    assert (await builder.post("api/v1/plans", json=body, headers=server)).status_code == 403
    assert (await builder.post("api/v1/plans", json=body, headers=SESSIONS)).status_code == 200
    assert (await builder.get("api/v1/environments", headers=SESSIONS)).status_code == 403
