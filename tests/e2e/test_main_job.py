"""The main job, for real: a commit becomes a running JupyterLab, under policy, with the work kept."""

import pytest

from tests.e2e.conftest import Person
from tests.e2e.launching import API, launch_to_ready, wait_for
from tests.e2e.policies import short_idle_timeout
from tests.e2e.stack import Stack
from tests.support.gitserver import GitServer
from tests.support.notebooks import DATA, NOTEBOOK, REQUIREMENTS


def session_of(person: Person, name: str) -> dict[str, object]:
    answer = person.client.get(f"{API}/sessions/{name}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def stop(person: Person, name: str) -> None:
    assert person.client.post(f"{API}/sessions/{name}/stop").is_success
    wait_for(lambda: session_of(person, name)["state"] == "stopped", what="the stop")


def start(person: Person, name: str) -> None:
    assert person.client.post(f"{API}/sessions/{name}/start").is_success
    wait_for(lambda: session_of(person, name)["state"] == "running", what="the start")


def volume_folders(stack: Stack, volume_id: object) -> bool:
    return any(str(volume_id) in path.name for path in (stack.state / "volumes").iterdir())


def test_launch_work_stop_start_delete(stack: Stack, person: Person, repository: str) -> None:
    ready = launch_to_ready(person.client, repo=repository, provider="git", path="survey.ipynb")
    name = ready["server_name"]
    assert 1 <= len(name) <= 20
    assert ready["url"].startswith(stack.url)
    lab = person.open_lab(name)
    assert {"requirements.txt", "survey.ipynb", "data"} <= set(lab.list_files())
    assert lab.execute(lab.read_notebook_code("survey.ipynb")) == "1.16.0 4.0\n"
    assert lab.execute("import os; print(os.environ['BINDER_REPO_URL'])") == f"{repository}\n"
    lab.write_file("work.txt", "observed")
    session = session_of(person, name)
    assert (session["repo"], session["commit"]) == (ready["plan"]["repo"], ready["plan"]["commit"])
    assert {limit["resource"] for limit in session["limits"]} >= {"cpu", "memory", "storage"}  # type: ignore[attr-defined]

    stop(person, name)
    start(person, name)
    assert lab.read_file("work.txt") == "observed"
    assert lab.read_file("data/fluxes.csv") == DATA

    volume = session["storage"]["volume_id"]  # type: ignore[index]
    assert volume_folders(stack, volume)
    assert person.client.delete(f"{API}/sessions/{name}").is_success
    wait_for(lambda: person.client.get(f"{API}/sessions/{name}").status_code == 404, what="the deletion")
    assert not volume_folders(stack, volume)


def test_an_idle_server_is_stopped_with_an_explanation_and_can_be_started_again(
    stack: Stack, person: Person, repository: str
) -> None:
    name = launch_to_ready(person.client, repo=repository, provider="git")["server_name"]
    person.open_lab(name).write_file("work.txt", "kept")
    with stack.client(stack.api_token) as admin, short_idle_timeout(admin, person.name):
        wait_for(lambda: session_of(person, name)["state"] == "stopped", seconds=90, what="the idle stop")
    session = session_of(person, name)
    decisions = person.client.get("/services/policy/api/v1/decisions", params={"session": str(session["id"])}).json()[
        "decisions"
    ]
    stopped = [decision for decision in decisions if decision["verdict"] == "stop"]
    assert stopped
    assert stopped[0]["rule"] == "idle_timeout"
    assert "20s" in stopped[0]["message"]
    start(person, name)
    lab = person.open_lab(name)
    assert lab.read_file("work.txt") == "kept"


def test_the_same_commit_reopens_and_a_notebook_commit_builds_nothing(
    person: Person, git: GitServer, stack: Stack
) -> None:
    repository = git.create("astro/reopen")
    repository.commit({"requirements.txt": REQUIREMENTS, "survey.ipynb": NOTEBOOK, "data/fluxes.csv": DATA})
    first = launch_to_ready(person.client, repo=repository.url, provider="git")
    again = launch_to_ready(person.client, repo=repository.url, provider="git")
    assert again["session_id"] == first["session_id"]
    assert again["plan"]["decision"] == "hit"

    commit = repository.commit({"survey.ipynb": NOTEBOOK.replace("# Survey", "# Second survey")})
    second = launch_to_ready(person.client, repo=repository.url, provider="git", ref=commit)
    assert second["plan"]["decision"] == "content-only"
    assert second["plan"]["environment_id"] == first["plan"]["environment_id"]
    assert second["session_id"] != first["session_id"]
    lab = person.open_lab(second["server_name"])
    assert "Second survey" in str(lab.client.get("api/contents/survey.ipynb").json()["content"])


def test_a_refused_name_is_explained_by_the_api(person: Person, repository: str) -> None:
    request = {"repo": repository, "provider": "git", "server_name": "a" * 21}
    answer = person.client.post(f"{API}/launches", json=request)
    assert answer.status_code == 400, "refused before anything is built"
    assert "21 characters" in answer.json()["message"]
    assert "at most 20" in answer.json()["message"]


def test_the_sixth_named_server_is_refused_and_says_how_to_make_room(person: Person) -> None:
    for number in range(5):
        assert person.client.put(f"/hub/api/users/{person.name}/servers/s{number}", json={}).status_code == 201
    answer = person.client.post(f"{API}/sessions", json={"name": "s5"})
    assert answer.status_code == 409, answer.text
    body = answer.json()
    assert "5 of 5" in body["message"]
    assert body["remedy"]
    assert person.client.post(f"{API}/sessions", json={}).is_success, "the default server does not count"


def test_the_hub_refuses_both_too_and_leaves_no_record(person: Person) -> None:
    servers = f"/hub/api/users/{person.name}/servers"
    long_name = "a" * 21
    answer = person.client.post(f"{servers}/{long_name}", json={})
    assert answer.status_code == 400
    assert "at most 20" in answer.json()["message"]
    for number in range(5):
        assert person.client.put(f"{servers}/s{number}", json={}).status_code == 201
    for method in ("PUT", "POST"):
        refused = person.client.request(method, f"{servers}/s5", json={})
        assert 400 <= refused.status_code < 500
        assert "5 of 5" in refused.json()["message"]
    user = person.client.get(f"/hub/api/users/{person.name}", params={"include_stopped_servers": "1"}).json()
    assert {name for name in user["servers"] if name} == {f"s{number}" for number in range(5)}


def test_a_plain_server_started_from_the_hub_has_the_default_environment(stack: Stack, person: Person) -> None:
    assert person.client.post(f"/hub/api/users/{person.name}/servers/plain", json={}).status_code in {201, 202}
    wait_for(
        lambda: person.client.get(f"/hub/api/users/{person.name}/servers/plain").json().get("ready"), what="the server"
    )
    lab = person.open_lab("plain")
    assert lab.execute("print(6 * 7)") == "42\n"
    session = wait_for(lambda: person.client.get(f"{API}/sessions/plain").json().get("state") == "running")
    assert session


def test_forged_options_change_nothing(stack: Stack, person: Person) -> None:
    forged = {"grant": "e30.AAAA", "image": "evil", "cmd": ["/bin/sh"], "environment": {"X": "1"}, "mem_limit": "64G"}
    answer = person.client.post(f"/hub/api/users/{person.name}/servers/forged", json={"user_options": forged})
    assert answer.status_code in {201, 202}
    wait_for(lambda: person.client.get(f"/hub/api/users/{person.name}/servers/forged").json().get("ready"))
    lab = person.open_lab("forged")
    assert lab.execute("import os; print(os.environ.get('X'))") == "None\n"


@pytest.mark.parametrize("path", ["https://evil.example/x", "//evil.example", "../../other"])
def test_a_path_that_leaves_the_server_is_refused(person: Person, repository: str, path: str) -> None:
    answer = person.client.post(f"{API}/launches", json={"repo": repository, "provider": "git", "path": path})
    assert 400 <= answer.status_code < 500
    assert answer.json()["field"] == "path"
