"""Records of Zenodo, figshare, HydroShare, Dataverse and CKAN, from what was written to the files in a mirror."""

import hashlib
import subprocess
from collections.abc import AsyncIterator
from time import time
from typing import Any

import pytest

from tests.support.records import FakeRecords, build_tar, build_zip
from tests.support.server import serving

from .conftest import build

RESOURCE = "8f7c2f0341ef4180b0dbe97f59130756"
NOTEBOOK = b'{"cells": []}'


@pytest.fixture
async def host() -> AsyncIterator[FakeRecords]:
    records = FakeRecords()
    async with serving(records.app) as url:
        records.url = url
        yield records


@pytest.fixture
def settings(settings: dict[str, Any], host: FakeRecords, tmp_path) -> dict[str, Any]:
    names = ("doi_url", "zenodo_url", "figshare_api_url", "hydroshare_url")
    return {
        **settings,
        **dict.fromkeys(names, host.url),
        "state_directory": tmp_path / "state",
        "resolution_time": "0s",
    }


@pytest.fixture
def plan(builder, ada):
    async def ask(provider: str, repo: str, **options: Any):
        answer = await builder.post("api/v1/plans", json={"provider": provider, "repo": repo, **options}, headers=ada)
        return answer.json()

    return ask


@pytest.fixture
def tree(git, tmp_path):
    """List the files of a plan's revision with their contents, as they are in the mirror."""

    def read(plan: dict[str, Any]) -> dict[str, bytes]:
        mirror = tmp_path / "state/repositories" / f"{hashlib.sha256(plan['repo'].encode()).hexdigest()[:40]}.git"
        ref = f"refs/heliostat/{plan['commit']}"

        def run(*arguments: str) -> bytes:
            return subprocess.run(["git", "-C", mirror, *arguments], capture_output=True, check=True).stdout

        names = run("ls-tree", "-r", "-z", "--name-only", ref).decode().split("\0")[:-1]
        return {name: run("cat-file", "blob", f"{ref}:{name}") for name in names}

    return read


async def test_a_zenodo_doi_of_all_versions_is_the_newest_one_and_both_names_are_one_thing(host, plan, tree):
    host.add_zenodo("3242072", {"old.txt": b"old"}, concept="3242071")
    host.add_zenodo("3242074", {"survey.zip": build_zip({"survey-1.0/a.ipynb": NOTEBOOK})}, concept="3242071")
    newest = await plan("zenodo", "10.5281/zenodo.3242071", spec=True)
    assert newest["commit"] == "3242074"
    assert newest["repo"] == f"{host.url}/10.5281/zenodo.3242074"
    assert newest["resolved_spec"] == "10.5281/zenodo.3242074"
    assert newest["ref_url"] == f"{host.url}/10.5281/zenodo.3242074"
    assert newest["slug"] == "zenodo-3242074"
    assert newest["image_name"] == f"zenodo-3242074:{newest['image_id']}"
    assert tree(newest) == {"a.ipynb": NOTEBOOK}
    same = await plan("zenodo", "doi:10.5281/ZENODO.3242074")
    assert same["image_id"] == newest["image_id"]
    old = await plan("zenodo", "10.5281/zenodo.3242071", ref="3242072")
    assert tree(old) == {"old.txt": b"old"}


async def test_a_figshare_article_is_pinned_to_a_version(host, plan, tree):
    host.add_figshare(9782777, [{"a.txt": b"1", "b.zip": build_zip({"c": b""})}, {"a.txt": b"2"}])
    newest = await plan("figshare", "10.6084/m9.figshare.9782777", spec=True)
    assert (newest["commit"], newest["resolved_spec"]) == ("9782777.v2", "10.6084/m9.figshare.9782777.v2")
    assert newest["ref_url"] == f"{host.url}/10.6084/m9.figshare.9782777.v2"
    assert tree(newest) == {"a.txt": b"2"}
    first = await plan("figshare", "10.6084/m9.figshare.9782777.v1", spec=True)
    assert set(tree(first)) == {"a.txt", "b.zip"}  # an archive among others stays one
    assert first["repo"] == newest["repo"]
    again = await plan("figshare", newest["repo"], ref=newest["commit"])  # how a plan is asked for once more
    assert again["image_id"] == newest["image_id"]


async def test_a_hydroshare_resource_is_waited_for_and_only_its_contents_count(host, plan, tree):
    host.add_hydroshare(RESOURCE, {"run.ipynb": NOTEBOOK, "data/x.csv": b"1"})
    host.bags_preparing = 1
    newest = await plan("hydroshare", f"https%3A%2F%2Fwww.hydroshare.org%2Fresource%2F{RESOURCE}%2F", spec=True)
    assert newest["commit"] == f"{RESOURCE}.v1569427757"
    assert newest["repo"] == newest["ref_url"] == f"{host.url}/resource/{RESOURCE}"
    assert tree(newest) == {"run.ipynb": NOTEBOOK, "data/x.csv": b"1"}


async def test_a_dataverse_doi_leads_to_its_installation_and_a_version_is_pinned(host, plan, tree):
    files = {"code/run.ipynb": NOTEBOOK, "readme.md": b"hi"}
    host.add_dataverse("10.7910/DVN/TJCLKP", 4040, {"1.0": {"old": b"1"}, "1.1": files}, tables={"t.csv": b"a,b"})
    newest = await plan("dataverse", "10.7910/dvn/TJCLKP", spec=True)
    assert (newest["commit"], newest["resolved_spec"]) == ("4040.v1.1", "10.7910/DVN/TJCLKP")
    assert tree(newest) == {**files, "t.csv": b"a,b"}  # the table as it was uploaded
    first = await plan("dataverse", "10.7910/DVN/TJCLKP", ref="4040.v1.0")
    assert set(tree(first)) == {"old", "t.csv"}


async def test_a_ckan_dataset_is_its_newest_state_or_one_of_its_history(host, plan, tree):
    host.add_ckan("sample", {"a.csv": b"2"})
    host.add_ckan("sample", {"a.csv": b"1"}, modified="2020-01-01T00:00:00", activity="7af1")
    address = f"{host.url}/dataset/sample"
    newest = await plan("ckan", address.replace(":", "%3A").replace("/", "%2F"), spec=True)
    assert (newest["commit"], newest["repo"]) == ("sample.v1617968377", address)
    assert tree(newest) == {"a.csv": b"2"}
    old = await plan("ckan", f"{address}?activity_id=7af1")
    assert old["repo"] == f"{address}/history/7af1"
    assert tree(old) == {"a.csv": b"1"}


async def test_a_record_is_built_like_a_repository(host, builder, ada, tmp_path):
    files = {"requirements.txt": b"lens==2.0\n", "run.sh": b"#!/bin/sh\n", ".git/config": b"[core]\n"}
    archive = build_zip({f"top/{name}": content for name, content in files.items()}, modes={"top/run.sh": 0o100755})
    host.add_zenodo("77", {"code.zip": archive})
    built = await build(builder, ada, f"{host.url}/10.5281/zenodo.77")
    assert (built["state"], built["plan"]["provider"]) == ("succeeded", "zenodo")
    assert built["plan"]["config_files"] == ["requirements.txt"]
    again = await build(builder, ada, f"{host.url}/10.5281/zenodo.77", ref="77")
    assert again["id"] == built["id"]


async def test_what_goes_wrong_is_told_apart(host, plan):
    host.add_zenodo("7", {"a": b"1"})
    for status, headers, body, code in (
        (404, {}, None, "repository_not_found"),
        (403, {}, None, "repository_private"),
        (429, {"retry-after": "60"}, None, "rate_limited"),
        (403, {"x-ratelimit-remaining": "0"}, None, "rate_limited"),
        (502, {}, None, "upstream_unreachable"),
        (429, {"retry-after": "9" * 25, "x-ratelimit-remaining": "²"}, None, "rate_limited"),
        (None, {}, b"<html>", "upstream_unreachable"),
        (None, {}, b'{"id": 7, "files": "none"}', "upstream_unreachable"),
    ):
        host.status, host.headers, host.body = status, headers, body
        answer = await plan("zenodo", "10.5281/zenodo.7")
        assert (answer["code"], bool(answer["remedy"])) == (code, True)
    host.status, host.headers, host.body = 429, {"x-ratelimit-reset": str(int(time()) + 600)}, None
    assert (await plan("zenodo", "10.5281/zenodo.7"))["details"]["reset_at"]


async def test_what_is_not_there_or_not_public_is_said(host, plan):
    host.add_zenodo("7", {}, access="restricted")
    assert (await plan("zenodo", "10.5281/zenodo.7"))["code"] == "repository_private"
    host.add_zenodo("8", {})
    assert "no files" in (await plan("zenodo", "10.5281/zenodo.8"))["message"]
    assert (await plan("zenodo", "10.5281/zenodo.9"))["code"] == "repository_not_found"
    host.add_figshare(9782777, [{"a.txt": b"1"}])
    assert (await plan("figshare", "10.25375/uct.9782777"))["code"] == "repository_not_found"  # another's DOI
    host.add_dataverse("10.7910/DVN/X", 1, {"1.0": {"a": b"1"}})
    host.documents["api/datasets/1/versions/1.0"]["data"]["files"][0]["restricted"] = True
    assert (await plan("dataverse", "10.7910/DVN/X"))["code"] == "repository_private"
    host.add_hydroshare(RESOURCE, {"a": b"1"})
    gone = await plan("hydroshare", RESOURCE, ref=f"{RESOURCE}.v1500000000")
    assert (gone["code"], "newest" in gone["message"]) == ("ref_not_found", True)


async def test_what_leads_elsewhere_or_is_not_what_it_should_be_is_refused(host, plan):
    host.redirects["10.5281/zenodo.7"] = "http://10.1.2.3/records/7"
    assert (await plan("zenodo", "10.5281/zenodo.7"))["code"] == "address_refused"
    host.redirects["10.5281/zenodo.7"] = f"{host.url}/10.5281/zenodo.7"
    assert "redirects" in (await plan("zenodo", "10.5281/zenodo.7"))["message"]
    host.redirects["10.5281/zenodo.7"] = "file:///etc/passwd"
    assert (await plan("zenodo", "10.5281/zenodo.7"))["code"] == "upstream_unreachable"
    host.add_zenodo("7", {"a": b"1"})
    host.redirects["api/records/7/files/a/content"] = "http://169.254.169.254/latest/meta-data"
    assert (await plan("zenodo", "10.5281/zenodo.7"))["code"] == "address_refused"
    host.redirects.clear()
    host.add_zenodo("7", {"a": b"1"})
    host.contents["api/records/7/files/a/content"] = b"2"
    assert "checksum" in (await plan("zenodo", "10.5281/zenodo.7"))["message"]
    del host.contents["api/records/7/files/a/content"]
    assert "lists the file 'a'" in (await plan("zenodo", "10.5281/zenodo.7"))["message"]
    host.redirects["10.7910/DVN/X"] = f"{host.url}/%C3%A9/citation?persistentId=doi:1"
    assert (await plan("dataverse", "10.7910/DVN/X"))["code"] == "repository_not_found"
    for address in ("http://[::1/a", "ftp://example.org/a", "a"):
        host.add_ckan("odd", {"a": b"1"})
        host.documents["api/3/action/package_show?id=odd"]["result"]["resources"][0]["url"] = address
        assert (await plan("ckan", f"{host.url}/dataset/odd"))["code"] == "upstream_unreachable"


async def test_limits_hold_for_what_arrives_and_for_what_is_unpacked(host, replica, ada):
    host.add_zenodo("1", {"a.zip": build_zip({"zeros": bytes(2_000_000)})})
    host.add_zenodo("2", {"a.zip": build_zip({str(number): b"" for number in range(11)})})
    host.add_zenodo("3", {str(number): b"" for number in range(11)})
    host.add_zenodo("4", {"a": bytes(2_000_000)})
    host.add_ckan("big", {"a": bytes(2_000_000)})  # which does not say its sizes
    async with replica(fetch_size="1MB", record_files=10) as builder:
        for repo in ("1", "2", "3", "4"):
            body = {"provider": "zenodo", "repo": f"10.5281/zenodo.{repo}"}
            answer = (await builder.post("api/v1/plans", json=body, headers=ada)).json()
            assert answer["code"] == "repository_too_large", answer
        body = {"provider": "ckan", "repo": f"{host.url}/dataset/big"}
        assert (await builder.post("api/v1/plans", json=body, headers=ada)).json()["code"] == "repository_too_large"


async def test_hosts_leave_no_cookies(host, plan):
    host.add_ckan("crumbs", {"a": b"1"})
    host.headers = {"set-cookie": "crumb=1; Path=/"}
    for _ in range(2):
        assert "commit" in await plan("ckan", f"{host.url}/dataset/crumbs")
    assert len(host.asked) > 2
    assert host.cookies == []


async def test_a_compressed_answer_is_not_unpacked(host, plan):
    host.add_ckan("zeros", {"a": b"1"})
    host.headers = {"content-encoding": "gzip, gzip"}  # of which 3 kB can stand for gigabytes
    assert "compresses" in (await plan("ckan", f"{host.url}/dataset/zeros"))["message"]


async def test_a_hostile_archive_leaves_nothing_behind(host, plan, tmp_path):
    no_text = build_tar({"a\udcff": b""}, mode="w:")
    hostile = {
        "a.zip": (build_zip({"a": b"", "../b": b""}), b"PK\3\4 broken PK\5\6" + bytes(18)),
        "a.tar": (no_text,),
    }
    archives = [(name, archive) for name, archives in hostile.items() for archive in archives]
    for number, (name, archive) in enumerate(archives):
        host.add_zenodo(f"1{number}", {name: archive})
        assert (await plan("zenodo", f"10.5281/zenodo.1{number}"))["code"] == "archive_refused"
    host.add_zenodo("19", {"a.tar.gz": build_tar({"x/a": b"1", "x/b": b"2"})})
    assert (await plan("zenodo", "10.5281/zenodo.19"))["commit"] == "19"
    assert not list((tmp_path / "state/repositories").glob("*.import"))


async def test_an_answer_that_has_not_changed_is_not_sent_again(host, plan, builder):
    host.add_figshare(6, [{"a": b"1"}])
    host.headers = {"x-ratelimit-remaining": "41"}
    for _ in range(2):
        assert (await plan("figshare", "10.6084/m9.figshare.6"))["commit"] == "6.v1"
    tags = [tag for path, tag in host.asked if path == "v2/articles/6/versions"]
    assert tags[0] is None
    assert tags[1]
    metrics = (await builder.get(f"{str(builder.base_url).removesuffix('services/builder/')}metrics")).text
    assert 'heliostat_provider_rate_remaining{provider="figshare"} 41.0' in metrics
