"""docker-compose.yml as a person uses it: launch, work, stop, start, idle stop, delete; and what kill -9 does to it."""

import json
from functools import partial
from typing import Any

import httpx
import pytest

from tests.e2e.compose.conftest import DEADLINE, REPLICATED, Compose
from tests.e2e.conftest import Person
from tests.e2e.launching import API, follow, launch, launch_to_ready, list_servers, wait_for
from tests.e2e.policies import short_idle_timeout
from tests.support.gitserver import GitServer
from tests.support.notebooks import DATA, NOTEBOOK, REQUIREMENTS

pytestmark = pytest.mark.timeout(DEADLINE)  # the first test waits for all images
FILES = {"survey.ipynb": NOTEBOOK, "data/fluxes.csv": DATA}
SLOW_POST_BUILD = """\
#!/bin/bash
for number in $(seq 1 20); do
    echo "step $number of 20"
    sleep 0.2
done
"""


def read_session(person: Person, name: str) -> dict[str, Any]:
    answer = person.client.get(f"{API}/sessions/{name}")
    answer.raise_for_status()
    return dict(answer.json())


def build_probe(compose: Compose) -> str:
    """Build code that says which of the platform's and the host's ports a server reaches."""
    places = [
        ("hub", 8081),
        ("proxy", 8000),
        ("169.254.169.254", 80),
        (compose.gateway, 22),
        (compose.address_of("postgres-1", "database"), 5432),
        (compose.address_of("policy-1", "control"), 9003),
        (compose.address_of("proxy-1", "control"), 8001),
    ]
    return f"""\
import socket
for place in {places!r}:
    try:
        socket.create_connection(place, timeout=2).close()
        print(place[0], "open")
    except OSError:
        pass
"""


def has_storage(compose: Compose, volume_id: str) -> bool:
    """Whether the hub keeps a volume, whatever the engine has of it."""
    return volume_id in compose.run("exec", "-T", "hub", "ls", "/var/lib/heliostat/containers/volumes").split()


def test_a_requirements_repository_from_launch_to_deletion(
    compose: Compose, person: Person, git: GitServer, admin: httpx.Client
) -> None:
    repository = git.create("astro/survey")
    repository.commit({"requirements.txt": REQUIREMENTS, **FILES})

    ready = launch_to_ready(person.client, repo=repository.url, provider="git")

    name = ready["server_name"]
    lab = person.open_lab(name)
    assert lab.execute(lab.read_notebook_code("survey.ipynb")) == "1.16.0 4.0\n"
    limits = wait_for(lambda: read_session(person, name)["limits"], what="the limits")
    assert [limit for limit in limits if not limit["enforced"]] == []
    assert lab.execute(build_probe(compose)) == "hub open\n"
    lab.write_file("mine.txt", "what I did")
    volume = read_session(person, name)["storage"]["volume_id"]
    assert has_storage(compose, volume)

    person.client.post(f"{API}/sessions/{name}/stop").raise_for_status()
    wait_for(lambda: read_session(person, name)["state"] == "stopped", what="the stop")
    person.client.post(f"{API}/sessions/{name}/start").raise_for_status()
    wait_for(lambda: read_session(person, name)["state"] == "running", what="the start")
    assert lab.read_file("mine.txt") == "what I did"

    with short_idle_timeout(admin, person.name):
        stopped = wait_for(lambda: read_session(person, name)["state"] == "stopped", seconds=90, what="the idle stop")
    assert stopped
    assert has_storage(compose, volume)

    person.client.delete(f"{API}/sessions/{name}").raise_for_status()
    wait_for(lambda: not has_storage(compose, volume), what="the end of the storage")


def test_a_dockerfile_repository(compose: Compose, person: Person, git: GitServer) -> None:
    base = compose.run("config", "--format=json")
    lab_image = json.loads(base)["services"]["hub"]["environment"]["HELIOSTAT_HUB_DEFAULT_IMAGE"]
    dockerfile = f"FROM {lab_image}\nRUN echo baked > /home/jovyan/baked.txt\nCOPY --chown=1000 . /home/jovyan\n"
    repository = git.create("astro/baked")
    repository.commit({"Dockerfile": dockerfile, **FILES})

    ready = launch_to_ready(person.client, repo=repository.url, provider="git")

    lab = person.open_lab(ready["server_name"])
    assert {"baked.txt", "survey.ipynb"} <= set(lab.list_files())
    assert lab.execute("print(open('baked.txt').read().strip())") == "baked\n"


@pytest.mark.parametrize(
    ("during_build", "during_start"),
    [("builder-1", "hub-1"), ("builder-2", "sessions-1"), ("postgres-1", "policy-1"), ("sessions-2", "proxy-1")],
)
def test_containers_killed_during_a_build_and_a_start(
    compose: Compose, person: Person, git: GitServer, during_build: str, during_start: str
) -> None:
    repository = git.create(f"astro/slow-{during_build}")
    repository.commit({"requirements.txt": REQUIREMENTS, "postBuild": SLOW_POST_BUILD}, executable=("postBuild",))
    asked = launch(person.client, repo=repository.url, provider="git")
    killed: dict[str, str] = {}

    def listen(message: dict[str, Any]) -> None:
        if during_build not in killed and "step 5 of 20" in message.get("message", ""):
            killed[during_build] = compose.kill(during_build)
        if during_start not in killed and message["phase"] == "spawn":
            killed[during_start] = compose.kill(during_start)

    stream = follow(person.client, asked["id"], on_message=listen)

    assert stream.final is not None
    assert stream.final["phase"] == "ready", stream.final
    assert set(killed) == {during_build, during_start}
    assert stream.lines == list(range(1, len(stream.lines) + 1))
    for container, since in killed.items():
        wait_for(partial(compose.is_back, container, since=since), what=container)
    servers = [server for server in list_servers(person.client) if server["name"]]
    assert [server["state"] for server in servers] == ["running"]
    assert person.open_lab(servers[0]["name"]).execute("import six; print(six.__version__)") == "1.16.0\n"


@pytest.mark.parametrize("container", ["prometheus-1", "firewall-1"])
def test_what_no_launch_needs_comes_back_too(compose: Compose, container: str) -> None:
    since = compose.kill(container)

    wait_for(partial(compose.is_back, container, since=since), what=container)


def test_prometheus_scrapes_every_replica(compose: Compose) -> None:
    def read_targets() -> dict[str, list[int]]:
        query = ["exec", "-T", "prometheus", "promtool", "query", "instant", "--format=json", "http://127.0.0.1:9090"]
        targets: dict[str, list[int]] = {}
        for sample in json.loads(compose.run(*query, "up")):
            targets.setdefault(sample["metric"]["job"], []).append(int(sample["value"][1]))
        return targets

    expected = {"hub": [1], **{service: [1, 1] for service in REPLICATED}}
    wait_for(lambda: read_targets() == expected, what=f"{expected}; there is {read_targets()}")
