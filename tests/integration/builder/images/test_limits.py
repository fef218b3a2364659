"""Builds end where their limits are, each with a reason of its own, and leave no container."""

import pytest
from heliostat_containers import Containers

from tests.integration.builder.conftest import build, follow, wait_until

TAKES_MEMORY = "python3 -c 'x = bytearray(2 * 10**9); print(len(x))'\n"
WRITES = "dd if=/dev/zero of=big bs=1M count=400 2>/dev/null; sleep 60\n"
CASES = {
    "memory": (TAKES_MEMORY, {"build_memory": "600MiB"}, "out_of_memory"),
    "silence": ("sleep 60\n", {"build_silence_deadline": "5s"}, "build_silent"),
    "disk": (WRITES, {"build_size": "300MiB"}, "out_of_disk"),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_build_that_exceeds_a_limit_fails_with_the_limit(case, replica, git, ada, engine):
    script, settings, code = CASES[case]
    repository = git.create("ada/greedy")
    repository.commit({"postBuild": script})
    async with replica(**settings) as builder:
        built = await build(builder, ada, repository.url)
    assert (built["state"], built["failure"]["code"]) == ("failed", code), built["failure"]
    assert not await Containers(engine).list_({"heliostat.build": built["id"]})


async def test_cancelling_kills_the_container(builder, git, ada, engine):
    repository = git.create("ada/long")
    repository.commit({"postBuild": "echo begun; sleep 600\n"})
    found = (await builder.post("api/v1/builds", json={"repo": repository.url}, headers=ada)).json()
    path = f"api/v1/builds/{found['id']}"

    async def has_begun() -> bool:
        log = await builder.get(f"{path}/log", headers={**ada, "Accept": "text/plain"})
        return "begun" in log.text.splitlines()

    async def is_gone() -> bool:
        return not await Containers(engine).list_({"heliostat.build": found["id"]})

    await wait_until(has_begun)
    assert (await builder.delete(path, headers=ada)).status_code == 200
    await wait_until(is_gone)
    _, end = await follow(builder, found["id"], ada)
    assert end["state"] == "cancelled"
