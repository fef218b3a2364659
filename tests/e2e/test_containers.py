"""The main job in the docker runtime: images by commit, servers as limited containers, the work kept."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from heliostat_local.config import LocalConfig

from tests.e2e.conftest import Person
from tests.e2e.launching import API, launch_to_ready, wait_for
from tests.e2e.policies import short_idle_timeout
from tests.e2e.stack import Stack, running_stack
from tests.support.gitserver import GitServer
from tests.support.notebooks import DATA, NOTEBOOK, REQUIREMENTS


@pytest.fixture(scope="module")
def stack(engine_url: str, lab_image: str) -> Iterator[Stack]:
    """An instance of the docker runtime; nothing of it is left in the engine."""
    state = Path(tempfile.mkdtemp(prefix="heliostat-e2e-"))
    settings = {"HELIOSTAT_RUNTIME": "docker", "HELIOSTAT_HUB_DEFAULT_IMAGE": lab_image}
    with running_stack(state, **settings) as running:
        yield running
    instance = read_instance(running)
    assert list_in_engine("container", "ls", "--all", "--filter", f"label=heliostat.instance={instance}") == []
    for image in list_in_engine("image", "ls", "--filter", f"reference=heliostat-{instance}/*"):
        subprocess.run(["docker", "image", "rm", "--force", image], capture_output=True, check=False)
    for volume in list_in_engine("volume", "ls", "--filter", f"name={instance}"):
        subprocess.run(["docker", "volume", "rm", volume], capture_output=True, check=False)
    shutil.rmtree(state)


def read_instance(stack: Stack) -> str:
    """Return the instance's name in the engine, which its hub made a directory for."""
    return LocalConfig(state_dir=stack.state).instance


def list_in_engine(*arguments: str) -> list[str]:
    """List ids or names of what the engine has."""
    listed = subprocess.run(["docker", *arguments, "--quiet"], capture_output=True, text=True, check=True)
    return listed.stdout.split()


def read_session(person: Person, name: str) -> dict[str, Any]:
    answer = person.client.get(f"{API}/sessions/{name}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def change(person: Person, name: str, action: str, state: str) -> None:
    assert person.client.post(f"{API}/sessions/{name}/{action}").is_success
    wait_for(lambda: read_session(person, name)["state"] == state, what=f"the {action}")


def delete(person: Person, name: str) -> None:
    assert person.client.delete(f"{API}/sessions/{name}").is_success
    wait_for(lambda: person.client.get(f"{API}/sessions/{name}").status_code == 404, what="the deletion")


def test_requirements_work_stop_start_idle_delete(stack: Stack, person: Person, git: GitServer) -> None:
    repository = git.create("astro/container-survey")
    repository.commit({"requirements.txt": REQUIREMENTS, "survey.ipynb": NOTEBOOK, "data/fluxes.csv": DATA})
    ready = launch_to_ready(person.client, repo=repository.url, provider="git", path="survey.ipynb")
    name = ready["server_name"]
    lab = person.open_lab(name)
    assert lab.execute(lab.read_notebook_code("survey.ipynb")) == "1.16.0 4.0\n"
    lab.write_file("data/fluxes.csv", "changed")
    session = read_session(person, name)
    assert {limit["resource"] for limit in session["limits"] if limit["enforced"]} >= {"cpu", "memory", "storage"}
    change(person, name, "stop", "stopped")
    change(person, name, "start", "running")
    assert lab.read_file("data/fluxes.csv") == "changed"
    with stack.client(stack.api_token) as admin, short_idle_timeout(admin, person.name):
        wait_for(lambda: read_session(person, name)["state"] == "stopped", seconds=90, what="the idle stop")
    query = {"session": session["id"]}
    decisions = person.client.get("/services/policy/api/v1/decisions", params=query).json()["decisions"]
    assert "idle_timeout" in [decision["rule"] for decision in decisions if decision["verdict"] == "stop"]
    assert wait_for(lambda: read_session(person, name)["storage"]["used"], what="the measured storage") > 0
    delete(person, name)
    volume = session["storage"]["volume_id"]
    assert not (stack.state / "containers" / "volumes" / volume).exists()
    assert list_in_engine("volume", "ls", "--filter", f"name={volume}") == []


def test_a_dockerfile_is_built_and_its_image_runs_limited(
    stack: Stack, person: Person, git: GitServer, lab_image: str
) -> None:
    repository = git.create("astro/container-image")
    dockerfile = f"FROM {lab_image}\nENV FLAVOUR=own\nCOPY --chown=1000:1000 . /home/jovyan\n"
    repository.commit({"Dockerfile": dockerfile, "notes.txt": "from the commit"})
    name = launch_to_ready(person.client, repo=repository.url, provider="git")["server_name"]
    lab = person.open_lab(name)
    assert lab.read_file("notes.txt") == "from the commit"
    assert lab.execute("import os; print(os.environ['FLAVOUR'], os.getuid())") == "own 1000\n"
    volume = read_session(person, name)["storage"]["volume_id"]
    (container,) = list_in_engine("container", "ls", "--filter", f"label=heliostat.volume={volume}")
    delete(person, name)
    assert container not in list_in_engine("container", "ls", "--all")
