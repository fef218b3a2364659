"""A commit becomes an environment and an archive of its files."""

import subprocess
import tarfile
from pathlib import Path

from tests.integration.builder.conftest import build, follow


def run_python(state: Path, environment_id: str, code: str) -> str:
    python = state / "environments" / environment_id / "bin" / "python"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


async def test_a_commit_becomes_an_environment_with_its_requirements_and_a_kernel(
    builder, git, ada, state, new_requirement
):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": f"mirror\nlens==1.0\n{new_requirement}", "notebook.ipynb": "{}"})
    built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built
    plan = built["plan"]
    assert (plan["decision"], plan["forced_by"], plan["slug"]) == ("full", None, "lens")
    code = "import lens, mirror, ipykernel, pip; print(lens.VERSION, mirror.VERSION)"
    assert run_python(state, plan["environment_id"], code) == "1.0 2.0"


async def test_a_commit_that_changes_only_a_notebook_builds_nothing(builder, git, ada):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": "lens\n", "notebook.ipynb": "{}"})
    first = await build(builder, ada, repository.url)
    repository.commit({"requirements.txt": "# the optics\n\nlens   \r\n", "notebook.ipynb": "{ }"})
    response = await builder.post("api/v1/plans", json={"repo": repository.url, "ref": repository.head()}, headers=ada)
    plan = response.json()
    assert plan["decision"] == "content-only"
    assert plan["environment_id"] == first["plan"]["environment_id"]
    second = await build(builder, ada, repository.url, repository.head())
    assert second["state"] == "succeeded"
    lines, _ = await follow(builder, second["id"], ada)
    assert not any(line["phase"] in {"solve", "install"} for line in lines)


async def test_the_archive_holds_a_clean_repository_with_its_origin(builder, git, ada, state, tmp_path):
    repository = git.create("ada/lens")
    files = {"run.sh": "#!/bin/sh\n", "data/points.csv": "1,2\n", "link": "->data/points.csv"}
    commit = repository.commit(files, executable=("run.sh",))
    built = await build(builder, ada, repository.url)
    home = tmp_path / "home"
    with tarfile.open(state / "contents" / f"{built['plan']['content_id']}.tar") as archive:
        archive.extractall(home, filter="tar")
    assert (home / "run.sh").stat().st_mode & 0o111
    assert (home / "link").readlink() == Path("data/points.csv")

    def git_at_home(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", home, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert git_at_home("status", "--porcelain") == ""
    assert git_at_home("rev-parse", "HEAD") == commit
    assert git_at_home("remote", "get-url", "origin") == repository.url.removesuffix(".git")
    assert not list((home / ".git").glob("hooks/*"))
    assert "state" not in (home / ".git" / "config").read_text()


async def test_a_second_request_for_what_is_there_is_a_hit(builder, git, ada, policy):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": "lens\n"})
    first = await build(builder, ada, repository.url)
    asked = len(policy.asked)
    again = (await builder.post("api/v1/builds", json={"repo": repository.url}, headers=ada)).json()
    assert (again["id"], again["state"]) == (first["id"], "succeeded")
    assert len(policy.asked) == asked


async def test_without_dependency_files_it_builds_with_a_warning(builder, git, ada):
    repository = git.create("ada/plain")
    repository.commit({"readme.md": "plain"})
    built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded"
    assert "No dependency file" in built["plan"]["warnings"][0]
