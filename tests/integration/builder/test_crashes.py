"""A builder is killed in the middle of a build; what is left is found and finished."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from heliostat_builder.config import BuilderConfig
from heliostat_builder.storage.projections import BuildProjection, EnvironmentProjection
from heliostat_core.serve import rebuild_read_models
from pydantic import SecretStr
from sqlalchemy import text

from tests.integration.builder.conftest import build, follow, wait_until

SLOW = "#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8 9 10; do echo step $i; sleep 1; done\necho done > result.txt\n"


def to_environment(settings: dict[str, Any], port: int) -> dict[str, str]:
    def write(value: Any) -> str:
        if isinstance(value, (str, int, Path)) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, (list, tuple)):
            value = [item.model_dump(mode="json") if hasattr(item, "model_dump") else str(item) for item in value]
        return json.dumps(value)

    chosen = {**settings, "port": port}
    return {f"HELIOSTAT_BUILDER_{name.upper()}": write(value) for name, value in chosen.items()}


@asynccontextmanager
async def running_process(settings: dict[str, Any]) -> AsyncIterator[tuple[subprocess.Popen[bytes], httpx.AsyncClient]]:
    """Run the builder as a process of its own, whose leases are short: it is to be killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**to_environment({**settings, "lease_duration": "4s"}, port), "PATH": os.environ["PATH"]}
    process = subprocess.Popen([sys.executable, "-m", "heliostat_builder"], env=environment)  # noqa: ASYNC220 at once
    base = f"http://127.0.0.1:{port}/services/builder/"
    try:
        async with httpx.AsyncClient(base_url=base, timeout=30, trust_env=False) as client:

            async def answers() -> bool:
                try:
                    return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await wait_until(answers)
            yield process, client
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


def list_sandboxed(marker: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker in entry.read_text(errors="replace"):
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


async def test_a_killed_builders_build_is_finished_by_another_with_every_line_once(settings, replica, git, ada, state):
    repository = git.create("ada/slow")
    repository.commit({"postBuild": SLOW})
    async with running_process(settings) as (process, client):
        response = await client.post("api/v1/builds", json={"repo": repository.url}, headers=ada)
        found = response.json()

        async def is_half_way() -> bool:
            log = await client.get(f"api/v1/builds/{found['id']}/log", headers={**ada, "Accept": "text/plain"})
            return "step 2" in log.text.splitlines()

        await wait_until(is_half_way, seconds=60)
        log = await client.get(f"api/v1/builds/{found['id']}/log", headers={**ada, "Accept": "text/plain"})
        seen = len(log.text.splitlines())
        process.send_signal(signal.SIGKILL)

        async def are_gone() -> bool:
            return not list_sandboxed(f"VIRTUAL_ENV={state}/environments/{found['plan']['environment_id']}")

        await wait_until(are_gone, seconds=10)
    async with replica() as survivor:
        rest, end = await follow(survivor, found["id"], ada, after=seen)
        lines, _ = await follow(survivor, found["id"], ada)
        built = (await survivor.get(f"api/v1/builds/{found['id']}", headers=ada)).json()
    assert end["state"] == "succeeded", end
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[seen:] == rest
    assert built["attempt"] == 2
    assert any("attempt 2 of 3 begins" in line["text"] for line in lines)


async def test_a_builder_that_is_stopped_uses_up_no_attempt(replica, git, ada, database):
    repository = git.create("ada/slow")
    repository.commit({"postBuild": "#!/bin/sh\necho begun\nsleep 600\n"})

    async def shows(client: httpx.AsyncClient, line: str) -> bool:
        log = await client.get(f"api/v1/builds/{found['id']}/log", headers={**ada, "Accept": "text/plain"})
        return line in log.text

    async with replica() as stopped:
        found = (await stopped.post("api/v1/builds", json={"repo": repository.url}, headers=ada)).json()
        await wait_until(lambda: shows(stopped, "begun"), seconds=60)
    async with database.transaction() as connection:
        state = await connection.scalar(text("SELECT state FROM builds WHERE id = :id"), {"id": found["id"]})
        # Two builders are killed as well: without the one that was stopped, these would be all attempts there are.
        await connection.execute(text("UPDATE builds SET attempt = 3 WHERE id = :id"), {"id": found["id"]})
    assert state == "queued"
    async with replica() as other:
        await wait_until(lambda: shows(other, "attempt 4 of 4 begins"), seconds=60)
        assert (await other.delete(f"api/v1/builds/{found['id']}", headers=ada)).json()["state"] == "cancelled"


async def test_a_build_whose_builders_keep_dying_fails_honestly(builder, replica, git, ada, database):
    repository = git.create("ada/slow")
    repository.commit({"postBuild": "#!/bin/sh\necho begun\nsleep 600\n"})
    found = (await builder.post("api/v1/builds", json={"repo": repository.url}, headers=ada)).json()
    # What three killed builders leave behind: three attempts, and a lease that has run out.
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE builds SET attempt = 3 WHERE id = :id"), {"id": found["id"]})
        await connection.execute(
            text("UPDATE work_items SET lease_token = gen_random_uuid(), available_at = now() WHERE key = :key"),
            {"key": found["id"]},
        )
    async with replica() as other:
        _, end = await follow(other, found["id"], ada)
    assert (end["state"], end["failure"]["code"]) == ("failed", "builder_lost")


async def test_an_environment_published_but_not_recorded_is_adopted(
    replica, git, ada, admin, database, new_requirement
):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": new_requirement})
    async with replica() as builder:
        built = await build(builder, ada, repository.url)
    environment_id = built["plan"]["environment_id"]
    async with database.transaction() as connection:  # as if it had died before recording it
        await connection.execute(text("DELETE FROM events WHERE kind LIKE 'environment.%'"))
        await connection.execute(text("DELETE FROM environments"))
    async with replica() as builder:
        found = (await builder.get(f"api/v1/environments/{environment_id}", headers=admin)).json()
    assert found["build_id"] == built["id"]
    assert f"{new_requirement}==1.0" in found["lock"].splitlines()
    assert found["size"] > 0


async def test_an_environment_that_is_gone_is_retired_and_built_again(replica, git, ada, admin, state, new_requirement):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": new_requirement})
    async with replica() as builder:
        built = await build(builder, ada, repository.url)
    place = state / "environments" / built["plan"]["environment_id"]
    place.rename(place.with_name("elsewhere"))
    async with replica() as builder:
        path = f"api/v1/environments/{place.name}"
        assert (await builder.get(path, headers=admin)).status_code == 404
        again = await build(builder, ada, repository.url)
        assert (again["state"], again["plan"]["decision"]) == ("succeeded", "full")
        assert (await builder.get(path, headers=admin)).status_code == 200
    place.with_name("elsewhere").rename(state / "staging" / "elsewhere")


async def test_read_models_are_equal_after_a_rebuild(builder, git, ada, hub, database, settings):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": "lens\n"})
    await build(builder, ada, repository.url)
    await build(builder, hub.add_user("eve"), repository.url)
    repository.commit({"requirements.txt": "lens==1.0\nlens==2.0\n"})
    await build(builder, ada, repository.url, repository.head())

    async def read() -> list[Any]:
        async with database.transaction() as connection:
            tables = [await connection.execute(text(f"SELECT * FROM {name} ORDER BY id")) for name in TABLES]  # noqa: S608
            return [tuple(row) for rows in tables for row in rows]

    before = await read()
    owner = {**settings, "database_url": SecretStr(database.engine.url.render_as_string(hide_password=False))}
    await rebuild_read_models(
        "builder", BuilderConfig(**owner), projections=[BuildProjection(), EnvironmentProjection()]
    )
    assert await read() == before


TABLES = ("builds", "environments")
