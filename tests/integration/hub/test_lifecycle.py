"""Servers start, keep their files, survive the hub, and go with their storage."""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tests.integration.hub.stack import Stack, make_grant, wait_for


def volumes(stack: Stack) -> dict[str, Path]:
    found = {path: json.loads(path.read_text()) for path in stack.state.glob("volumes/*/volume.json")}
    return {f"{volume['owner']['user']}/{volume['owner']['server_name']}": path for path, volume in found.items()}


def processes(stack: Stack) -> dict[str, str]:
    return {path.name: (path / "process.json").read_text() for path in stack.state.glob("run/servers/*")}


def test_files_survive_a_stop_and_are_deleted_with_the_server(stack: Stack) -> None:
    auth = {"Authorization": f"token {stack.add_user('lyra')}"}
    server = stack.start_server("lyra", "notes")
    contents = f"{stack.url}{server['url']}api/contents/kept.txt"
    body = {"type": "file", "format": "text", "content": "still here"}
    assert httpx.put(contents, headers=auth, json=body, timeout=30).status_code == 201
    stack.stop_server("lyra", "notes")
    stack.start_server("lyra", "notes")
    assert httpx.get(contents, headers=auth, timeout=30).json()["content"] == "still here"
    assert "lyra/notes" in volumes(stack)
    stack.delete_server("lyra", "notes")
    wait_for(lambda: "lyra/notes" not in volumes(stack))


def test_progress_tells_each_step(stack: Stack) -> None:
    token = stack.add_user("vega")
    stack.peers.hesitation = 2  # seconds in which the watcher comes; of a server that is ready the hub tells no steps
    stack.api("POST", "users/vega/servers/steps", json={"user_options": None}).raise_for_status()
    url = f"{stack.url}/hub/api/users/vega/servers/steps/progress"
    text = httpx.get(url, headers={"Authorization": f"token {token}"}, timeout=60).text
    events = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
    messages = [event["message"] for event in events]
    assert messages[1].startswith("Admitted by policy version 1: 1 CPU, 2GB RAM, 64MiB storage")
    assert messages[2:4] == ["Storage is ready", "The home is ready"]
    assert "JupyterLab is starting" in messages
    assert events[-1]["ready"]
    stack.delete_server("vega", "steps")


def test_a_killed_hub_finds_its_servers_again_and_ends_what_nobody_claims(stack: Stack) -> None:
    token = stack.add_user("mira")
    server = stack.start_server("mira", "long-run")
    running = processes(stack)
    stack.kill_hub()
    stack.start_hub()
    assert stack.server("mira", "long-run")["ready"]  # type: ignore[index]
    assert processes(stack) == running
    status = httpx.get(f"{stack.url}{server['url']}api/status", headers={"Authorization": f"token {token}"}, timeout=30)
    assert status.status_code == 200
    stack.stop_server("mira", "long-run")
    wait_for(lambda: not processes(stack))


def test_servers_are_forked_and_each_is_its_own(stack: Stack) -> None:
    reports: list[dict[str, Any]] = []

    def start() -> bool:
        stack.start_server("castor", "quick")
        (run,) = stack.state.glob("run/servers/*/report")
        reports[:] = [json.loads(line) for line in run.read_text().splitlines()]
        is_forked = any("server" in report.get("fork", {}) for report in reports)
        if not is_forked:  # the hub's fork server is not ready, or a later one is not yet
            stack.delete_server("castor", "quick")
        return is_forked

    token = stack.add_user("castor")
    stranger = stack.add_user("pollux")
    wait_for(start)
    status = f"{stack.url}/user/castor/quick/api/status"
    answers = [
        httpx.get(status, headers={"Authorization": f"token {given}"}, timeout=30).status_code
        for given in (token, stranger, "none")
    ]
    assert answers == [200, 403, 403]
    assert httpx.get(f"{stack.url}/user/castor/quick/lab", follow_redirects=False, timeout=30).status_code == 302
    stack.delete_server("castor", "quick")
    assert not any("failed" in report.get("fork", {}) for report in reports)


def test_a_start_that_a_killed_hub_has_forgotten_is_ended(stack: Stack) -> None:
    stack.add_user("deneb")
    stack.api("POST", "users/deneb/servers/orphan", json={"user_options": None}).raise_for_status()
    wait_for(lambda: list(stack.state.glob("run/servers/*/process.json")))
    stack.kill_hub()
    stack.start_hub()
    wait_for(lambda: not processes(stack))
    stack.start_server("deneb", "orphan")
    stack.delete_server("deneb", "orphan")


def test_a_server_that_ended_by_itself_is_noticed_and_can_be_started_again(stack: Stack) -> None:
    token = stack.add_user("rigel")
    server = stack.start_server("rigel", "fragile")
    shutdown = f"{stack.url}{server['url']}api/shutdown"
    assert httpx.post(shutdown, headers={"Authorization": f"token {token}"}, timeout=30).status_code == 200
    wait_for(lambda: stack.server("rigel", "fragile")["stopped"])  # type: ignore[index]
    assert not processes(stack)
    stack.start_server("rigel", "fragile")
    stack.delete_server("rigel", "fragile")


def test_forged_options_change_nothing(stack: Stack) -> None:
    stack.add_user("algol")
    other = make_grant("mira", "mine", "environment-of-another")
    for options in (
        {"repo": "https://evil.example/x", "cmd": ["/bin/sh"], "environment": {"A": "b"}},
        {"grant": make_grant("algol", "mine", "env")[:-3] + "abc"},
        {"grant": other},
        {"grant": ["not", "text"]},
    ):
        stack.start_server("algol", "mine", **options)
        document = json.loads(volumes(stack)["algol/mine"].read_text())
        assert document["grant"] is None
        stack.delete_server("algol", "mine")


@contextlib.contextmanager
def held(stack: Stack, volume_id: str) -> Iterator[None]:
    """Hold a volume as a server that does not end would."""
    with (stack.state / "volumes" / volume_id / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_a_start_during_a_deletion_is_refused_and_the_deletion_goes_on(stack: Stack) -> None:
    stack.add_user("spica")
    stack.start_server("spica", "going")
    stack.stop_server("spica", "going")
    volume_id = volumes(stack)["spica/going"].parent.name
    with held(stack, volume_id), ThreadPoolExecutor(1) as pool:
        deletion = pool.submit(stack.api, "DELETE", "users/spica/servers/going", json={"remove": True})
        ledger = stack.state / "hub" / "deletions" / volume_id
        wait_for(ledger.exists)
        refused = stack.api("POST", "users/spica/servers/going")
        assert refused.status_code == 409
        assert "is being deleted" in refused.json()["message"]
        assert deletion.result().status_code == 204
        assert ledger.exists()
    stack.start_server("spica", "going")
    assert volumes(stack)["spica/going"].parent.name != volume_id
    assert not ledger.exists()
    stack.delete_server("spica", "going")


def test_a_user_is_deleted_with_all_that_runs(stack: Stack) -> None:
    stack.add_user("nova")
    for name in ("", "one", "two"):
        stack.start_server("nova", name)
    running = processes(stack).keys()
    answer = stack.api("DELETE", "users/nova")
    assert answer.status_code == 204, answer.text
    assert stack.api("GET", "users/nova").status_code == 404
    wait_for(lambda: not any(volume.startswith("nova/") for volume in volumes(stack)))
    assert not processes(stack).keys() & running


def test_a_user_is_not_deleted_while_a_server_starts(stack: Stack) -> None:
    stack.add_user("halley")
    stack.start_server("halley", "kept")
    stack.peers.hesitation = 2
    stack.api("POST", "users/halley/servers/slow", json={}).raise_for_status()
    refused = stack.api("DELETE", "users/halley")
    assert refused.status_code == 400, refused.text
    assert "halley's server slow is in the middle of a spawn" in refused.json()["message"]
    wait_for(lambda: stack.server("halley", "slow")["ready"])  # type: ignore[index]
    assert stack.server("halley", "kept")["ready"]  # type: ignore[index]
    assert stack.api("DELETE", "users/halley").status_code == 204
