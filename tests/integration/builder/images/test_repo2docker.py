"""Repositories that need more than Python and pip are built by repo2docker, under the same limits."""

import signal
from typing import Any

import pytest
from heliostat_containers import Containers

from tests.integration.builder.conftest import build, follow, wait_until
from tests.integration.builder.images.conftest import run_in
from tests.integration.builder.images.test_limits import WRITES
from tests.integration.builder.test_crashes import running_process


def write_dockerfile(base: str, *lines: str) -> str:
    return "\n".join([f"FROM {base}", "COPY --chown=1000:1000 . /home/jovyan/", *lines, ""])


async def test_a_dockerfile_decides_what_is_in_the_image(builder, git, ada, lab_image, engine):
    repository = git.create("ada/docker")
    lines = ("RUN id -u > built-by.txt", "LABEL heliostat.role=build heliostat.environment=x")
    first = repository.commit({"Dockerfile": write_dockerfile(lab_image, *lines), "notes.txt": "one"})
    built = await build(builder, ada, repository.url, first)
    assert built["state"] == "succeeded", built["failure"]
    assert built["plan"]["forced_by"] == "Dockerfile"
    assert run_in(built["image"], "sh", "-c", "cat built-by.txt notes.txt").split() == ["1000", "one"]
    plan = (await builder.post("api/v1/plans", json={"repo": repository.url, "ref": first}, headers=ada)).json()
    assert (plan["decision"], plan["image"]) == ("hit", built["image"])
    second = repository.commit({"notes.txt": "two"})
    plan = (await builder.post("api/v1/plans", json={"repo": repository.url, "ref": second}, headers=ada)).json()
    assert (plan["decision"], plan["image"]) == ("full", None)


async def test_an_image_is_labelled_and_else_as_its_dockerfile_says(builder, git, ada, lab_image, engine):
    own = ["USER root", "WORKDIR /srv", "ENV SKY=clear", 'ENTRYPOINT ["tini", "--"]', 'CMD ["sleep", "7"]']
    claims = ["LABEL heliostat.origin=sha256:0 heliostat.lock=numpy telescope=lyra"]
    repository = git.create("ada/docker")
    repository.commit({"Dockerfile": write_dockerfile(lab_image, *own, *claims)})
    built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built["failure"]
    config = await inspect(engine, built["image"])
    assert (config["User"], config["WorkingDir"]) == ("root", "/srv")
    assert (config["Entrypoint"], config["Cmd"]) == (["tini", "--"], ["sleep", "7"])
    assert "SKY=clear" in config["Env"]
    labels = config["Labels"]
    assert (labels["heliostat.role"], labels["heliostat.build"]) == ("environment", built["id"])
    assert (labels["heliostat.origin"], labels["heliostat.lock"], labels["telescope"]) == ("", "", "lyra")


async def test_an_image_that_runs_nothing_is_built_too(builder, git, ada, engine):
    repository = git.create("ada/docker")
    repository.commit({"Dockerfile": "FROM scratch\nCOPY notes.txt /\n", "notes.txt": "one"})
    built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built["failure"]
    assert (await inspect(engine, built["image"]))["Labels"]["heliostat.build"] == built["id"]


async def inspect(engine, image: str) -> dict[str, Any]:
    async with engine.call("describe an image") as docker:
        return (await docker.images.inspect(image))["Config"]


FAILURES = {
    "step": ("RUN echo no sky today && false", {}, "build_failed"),
    "disk": (f"RUN echo ' ---> Running in {'0' * 12}' && {WRITES}", {"build_size": "300MiB"}, "out_of_disk"),
    "memory": ("RUN python3 -c 'bytearray(2 * 10**9)'", {"build_memory": "300MiB"}, "out_of_memory"),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_a_dockerfile_that_fails_says_how(case, replica, git, ada, lab_image):
    step, settings, code = FAILURES[case]
    repository = git.create("ada/docker")
    repository.commit({"Dockerfile": write_dockerfile(lab_image, step)})
    async with replica(**settings) as builder:
        built = await build(builder, ada, repository.url)
    assert (built["state"], built["failure"]["code"]) == ("failed", code), built["failure"]


async def test_an_image_nobody_has_is_named(builder, git, ada):
    repository = git.create("ada/docker")
    repository.commit({"Dockerfile": "FROM registry.invalid/nothing:1\n"})
    built = await build(builder, ada, repository.url)
    assert built["failure"]["code"] == "base_image_missing", built["failure"]


async def test_a_killed_builders_dockerfile_is_built_again(settings, replica, git, ada, lab_image, engine):
    repository = git.create("ada/slow")
    repository.commit({"Dockerfile": write_dockerfile(lab_image, "RUN echo begun && sleep 3")})
    async with running_process(settings) as (process, client):
        found = (await client.post("api/v1/builds", json={"repo": repository.url}, headers=ada)).json()

        async def has_begun() -> bool:
            log = await client.get(f"api/v1/builds/{found['id']}/log", headers={**ada, "Accept": "text/plain"})
            return "begun" in log.text.splitlines()

        await wait_until(has_begun, seconds=60)
        process.send_signal(signal.SIGKILL)
    async with replica() as survivor:
        _, end = await follow(survivor, found["id"], ada)
    assert end["state"] == "succeeded"
    assert not await Containers(engine).list_({"heliostat.build": found["id"]})
