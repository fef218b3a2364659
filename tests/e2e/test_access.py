"""Nobody sees or touches what is somebody else's."""

from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.conftest import Person
from tests.e2e.launching import API, launch_to_ready
from tests.e2e.stack import Stack


@pytest.fixture
def stranger(stack: Stack, person: Person) -> Iterator[httpx.Client]:
    """Another user."""
    with stack.client(stack.create_user(f"stranger-of-{person.name}")) as client:
        yield client


def test_another_users_things_are_not_there(person: Person, stranger: httpx.Client, repository: str) -> None:
    ready = launch_to_ready(person.client, repo=repository, provider="git")
    name, build = ready["server_name"], ready["build_id"]
    paths = [
        f"{API}/launches/{ready['id']}",
        f"{API}/launches/{ready['id']}/events",
        f"{API}/sessions/{name}",
        f"{API}/sessions/{name}?user={person.name}",
    ]
    if build is not None:
        paths += [f"/services/builder/api/v1/builds/{build}", f"/services/builder/api/v1/builds/{build}/log"]
    for path in paths:
        assert stranger.get(path).status_code in {403, 404}, path
    decisions = stranger.get("/services/policy/api/v1/decisions", params={"session": ready["session_id"]})
    assert decisions.status_code in {403, 404} or decisions.json() == {"decisions": []}
    for method, path in (
        ("DELETE", f"{API}/launches/{ready['id']}"),
        ("DELETE", f"{API}/sessions/{name}?user={person.name}"),
        ("POST", f"{API}/sessions/{name}/stop?user={person.name}"),
    ):
        assert stranger.request(method, path).status_code in {403, 404}, path
    assert person.client.get(f"{API}/sessions/{name}").json()["state"] == "running"


@pytest.mark.parametrize(
    "path",
    [
        f"{API}/sessions",
        f"{API}/launches/00000000-0000-0000-0000-000000000000",
        "/services/builder/api/v1/builds",
        "/services/policy/api/v1/policy",
        "/services/policy/api/v1/decisions",
    ],
)
def test_no_token_is_401(stack: Stack, path: str) -> None:
    answer = httpx.get(f"{stack.url}{path}", trust_env=False)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/services/policy/api/v1/policies", None),
        ("PUT", "/services/policy/api/v1/policies", {"source": "default: {}"}),
        ("GET", "/services/builder/api/v1/environments", None),
        ("POST", "/services/policy/api/v1/decisions/idle", {"sessions": []}),
        ("POST", "/services/policy/api/v1/decisions/admission", {"action": "start", "user": "x"}),
        ("GET", f"{API}/sessions?user=somebody", None),
    ],
)
def test_what_is_for_administrators_or_services_is_refused(
    person: Person, method: str, path: str, body: object
) -> None:
    assert person.client.request(method, path, json=body).status_code in {403, 404}


def test_credentials_are_for_the_owner_only(stack: Stack) -> None:
    assert (stack.state / "credentials.json").stat().st_mode & 0o777 == 0o600


def test_a_servers_own_token_can_only_report_activity(stack: Stack, person: Person, repository: str) -> None:
    name = launch_to_ready(person.client, repo=repository, provider="git")["server_name"]
    lab = person.open_lab(name)
    token = lab.execute("import os; print(os.environ.get('JUPYTERHUB_API_TOKEN', ''), end='')")
    if token:
        with stack.client(token) as server:
            assert server.get(f"{API}/sessions").status_code in {401, 403}
            assert server.post(f"{API}/launches", json={"repo": repository}).status_code in {401, 403}
