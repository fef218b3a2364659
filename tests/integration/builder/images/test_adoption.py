"""A builder that is killed leaves a container that goes on; the next builder goes on with it."""

import signal

from heliostat_containers import Containers

from tests.integration.builder.conftest import follow, wait_until
from tests.integration.builder.images.conftest import run_in
from tests.integration.builder.test_crashes import running_process

SLOW = "for i in 1 2 3 4 5 6 7 8; do echo step $i; echo $i >> steps.txt; sleep 1; done\n"


async def test_a_killed_builders_container_is_adopted_with_every_line_once(settings, replica, git, ada, engine):
    repository = git.create("ada/slow")
    repository.commit({"postBuild": SLOW})
    async with running_process(settings) as (process, client):
        found = (await client.post("api/v1/builds", json={"repo": repository.url}, headers=ada)).json()

        async def is_half_way() -> bool:
            log = await client.get(f"api/v1/builds/{found['id']}/log", headers={**ada, "Accept": "text/plain"})
            return "step 2" in log.text.splitlines()

        await wait_until(is_half_way, seconds=60)
        process.send_signal(signal.SIGKILL)
    before = await Containers(engine).list_({"heliostat.build": found["id"]})
    async with replica() as survivor:
        lines, end = await follow(survivor, found["id"], ada)
        built = (await survivor.get(f"api/v1/builds/{found['id']}", headers=ada)).json()
    assert (end["state"], built["attempt"], len(before)) == ("succeeded", 2, 1)
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    texts = [line["text"] for line in lines]
    assert [text for text in texts if text.startswith("step ")] == [f"step {number}" for number in range(1, 9)]
    assert [text for text in texts if text.startswith("Container ")] == [f"Container {before[0].name}"]
    assert run_in(built["image"], "cat", "steps.txt").split() == [str(number) for number in range(1, 9)]
