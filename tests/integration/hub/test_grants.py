"""A granted server has its repository's files and environment, at every start, whatever its user options become."""

import asyncio
import json
import subprocess
from pathlib import Path

import httpx
from heliostat_runtime import ContentStore

from tests.integration.hub.stack import Stack, make_grant


def publish(stack: Stack, base_environment: Path, checkout: Path) -> None:
    """Put an environment and a commit's files in the stores, as the builder does."""
    environment = stack.state / "environments" / "env-1"
    environment.parent.mkdir(exist_ok=True)
    subprocess.run(["/bin/cp", "-al", base_environment, environment], check=True)
    (environment / "heliostat.json").write_text(json.dumps({"start_script": "heliostat-start"}))
    (environment / "heliostat-start").write_text('#!/bin/sh\nexport FROM_START=yes\nexec "$@"\n')
    (checkout / "data").mkdir()
    (checkout / "data" / "a b.csv").write_text("1,2\n")
    asyncio.run(ContentStore(stack.state).ensure("content-1", checkout))


def test_a_granted_server_keeps_its_grant(stack: Stack, base_environment: Path, tmp_path: Path) -> None:
    publish(stack, base_environment, tmp_path)
    token = stack.add_user("ursa")
    auth = {"Authorization": f"token {token}"}
    grant = make_grant("ursa", "spots", "env-1", content_id="content-1")
    url = f"{stack.url}{stack.start_server('ursa', 'spots', grant=grant)['url']}"
    with httpx.Client(base_url=url, headers=auth, timeout=30) as server:
        assert server.get("api/contents/data/a b.csv").json()["content"] == "1,2\n"
        assert server.get("").headers["Location"].rstrip("?").endswith("/lab/tree/data/a%20b.csv")
        assert json.loads(
            server.get("lab").text.split('id="jupyter-config-data"')[1].split(">", 1)[1].split("</script")[0]
        )["news"] == {"disabled": True}
    stack.stop_server("ursa", "spots")
    assert stack.api("PATCH", "users/ursa/servers/spots", token=token, json={"user_options": {"x": 1}}).is_success
    stack.start_server("ursa", "spots")
    assert httpx.get(url, headers=auth, timeout=30).headers["Location"].rstrip("?").endswith("/lab/tree/data/a%20b.csv")
    volume = next(
        document
        for path in stack.state.glob("volumes/*/volume.json")
        if (document := json.loads(path.read_text()))["owner"] == {"user": "ursa", "server_name": "spots"}
    )
    assert volume["grant"]["environment_id"] == "env-1"
    assert volume["populated"]
    stack.delete_server("ursa", "spots")
