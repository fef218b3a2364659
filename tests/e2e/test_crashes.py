"""kill -9 of a service at the worst moment: nothing is lost and nothing happens twice."""

from typing import Any

import pytest

from tests.e2e.conftest import Person
from tests.e2e.launching import follow, launch, list_servers
from tests.e2e.stack import Stack
from tests.support.gitserver import GitServer

SLOW_POST_BUILD = """\
#!/bin/bash
for number in $(seq 1 40); do
    echo "step $number of 40"
    sleep 0.2
done
"""


def kill_once(stack: Stack, component: str, *, when: str) -> Any:
    """Return a listener that kills a component at the first message containing a text."""
    done: list[str] = []

    def listen(message: dict[str, Any]) -> None:
        if not done and when in message.get("message", ""):
            done.append(message["id"])
            stack.kill(component)

    listen.done = done  # type: ignore[attr-defined]  # the test asks whether it happened
    return listen


@pytest.mark.parametrize("component", ["builder", "sessions"])
def test_a_service_killed_during_a_build(stack: Stack, person: Person, git: GitServer, component: str) -> None:
    repository = git.create(f"astro/slow-{component}")
    repository.commit({"requirements.txt": "six==1.16.0\n", "postBuild": SLOW_POST_BUILD}, executable=("postBuild",))
    asked = launch(person.client, repo=repository.url, provider="git")
    listener = kill_once(stack, component, when="step 10 of 40")
    stream = follow(person.client, asked["id"], on_message=listener)
    assert listener.done
    assert stream.final is not None
    assert stream.final["phase"] == "ready", stream.final
    assert stream.lines == list(range(1, len(stream.lines) + 1))
    ids = [message["id"] for message in stream.messages]
    assert len(ids) == len(set(ids))
    replayed = follow(person.client, asked["id"])
    assert [message["id"] for message in replayed.messages] == ids
    sessions = list_servers(person.client)
    assert [session["state"] for session in sessions if session["name"]] == ["running"]


def test_sessions_killed_while_the_server_starts(stack: Stack, person: Person, repository: str) -> None:
    asked = launch(person.client, repo=repository, provider="git")
    done: list[str] = []

    def listen(message: dict[str, Any]) -> None:
        if not done and message["phase"] == "spawn":
            done.append(message["id"])
            stack.kill("sessions")

    stream = follow(person.client, asked["id"], on_message=listen)
    assert done
    assert stream.final is not None
    assert stream.final["phase"] == "ready", stream.final
    names = [session["name"] for session in list_servers(person.client) if session["name"]]
    assert len(names) == 1


def test_while_policy_does_not_answer_nothing_starts_and_nothing_stops(
    stack: Stack, person: Person, repository: str
) -> None:
    asked = launch(person.client, repo=repository, provider="git")
    assert follow(person.client, asked["id"]).final
    with stack.paused("policy"):
        refused = person.client.post(f"/hub/api/users/{person.name}/servers/other", json={})
    assert refused.status_code == 503, refused.text
    assert refused.json()["message"].startswith("Policy cannot be reached")
    assert [session["state"] for session in list_servers(person.client) if session["name"]] == ["running"]
    allowed = person.client.post(f"/hub/api/users/{person.name}/servers/other", json={})
    assert allowed.status_code in {201, 202}, allowed.text
