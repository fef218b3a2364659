"""Plain pip repositories become images by our own recipe."""

import asyncio
import os
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

import pytest
from heliostat_containers import Containers, Images

from tests.integration.builder.conftest import build, build_wheel, follow, wait_until
from tests.integration.builder.images.conftest import run_in


@pytest.fixture
def added(wheels: Path) -> str:
    """One more requirement nobody had before."""
    name = f"added{token_hex(6)}"
    build_wheel(wheels, name, "1.0")
    return name


async def test_a_commit_becomes_one_image_with_its_packages_and_files(builder, git, ada, hub, new_requirement):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": f"mirror\nlens==1.0\n{new_requirement}", "notes/sky.txt": "clear"})
    others = [hub.add_user(f"user-{number}") for number in range(3)]
    built, *joined = await asyncio.gather(*(build(builder, headers, repository.url) for headers in [ada, *others]))
    assert built["state"] == "succeeded", built["failure"]
    assert built["image"].startswith("sha256:")
    assert {(one["id"], one["image"]) for one in joined} == {(built["id"], built["image"])}
    code = "import lens, mirror, ipykernel, pip, os; print(lens.VERSION, mirror.VERSION, os.getuid())"
    assert run_in(built["image"], "python", "-c", code).split() == ["1.0", "2.0", "1000"]
    listed = run_in(built["image"], "sh", "-c", "cat notes/sky.txt; stat -c %u:%g notes; ls -A /tmp; touch new")
    assert listed.split() == ["clear1000:1000"]
    plan = (await builder.post("api/v1/plans", json={"repo": repository.url}, headers=ada)).json()
    assert (plan["decision"], plan["image"]) == ("hit", built["image"])


def build_trap(wheels: Path) -> str:
    """Make a wheel that brings programs of the names of those a build runs; each leaves a trace."""
    name = f"trap{token_hex(6)}"  # the index has none of this name
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(wheels / f"{name}-1.0-py3-none-any.whl", "w") as file:
        for program in ("rm", "sh", "env", "readlink", "printf"):
            file.writestr(f"{name}-1.0.data/scripts/{program}", "#!/bin/sh\necho caught >> /srv/environment/caught\n")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return name


async def test_programs_of_packages_do_not_run_beside_secrets_and_cache(replica, git, ada, wheels):
    repository = git.create("ada/trap")
    repository.commit({"requirements.txt": build_trap(wheels)})
    async with replica(build_compiles=True) as builder:
        built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built["failure"]
    listed = run_in(built["image"], "/bin/sh", "-c", "/bin/ls /srv/environment /srv/environment/bin").split()
    assert "rm" in listed
    assert "caught" not in listed


async def test_a_commit_that_changes_only_a_notebook_gets_a_layer_and_no_build(
    builder, git, ada, admin, new_requirement, engine
):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": f"{new_requirement}\n", "notebook.ipynb": "{}"})
    first = await build(builder, ada, repository.url)
    repository.commit({"requirements.txt": f"# optics\n{new_requirement}", "notebook.ipynb": "{ }"})
    second = await build(builder, ada, repository.url, repository.head())
    assert (second["state"], second["plan"]["decision"]) == ("succeeded", "content-only")
    lines, _ = await follow(builder, second["id"], ada)
    assert {line["phase"] for line in lines} == {"fetch", "content", "publish"}
    before, after = [await Images(engine).read(built["image"]) for built in (first, second)]
    assert before.layers[:-1] == after.layers[:-1]
    assert run_in(second["image"], "cat", "notebook.ipynb") == "{ }"
    path = f"api/v1/environments/{first['plan']['environment_id']}"
    environment = (await builder.get(path, headers=admin)).json()
    assert f"{new_requirement}==1.0" in environment["lock"].splitlines()
    assert environment["image"].startswith("sha256:")


async def test_an_added_package_is_laid_on_the_environment_that_has_the_others(
    builder, git, ada, added, new_requirement, engine
):
    repository = git.create("ada/grows")
    repository.commit({"requirements.txt": f"{new_requirement}\nmirror==1.0\n"})
    first = await build(builder, ada, repository.url)
    repository.commit({"requirements.txt": f"{new_requirement}\nmirror==1.0\n{added}\n"})
    second = await build(builder, ada, repository.url, repository.head())
    repository.commit({"requirements.txt": f"{new_requirement}\nmirror==2.0\n{added}\n"})
    third = await build(builder, ada, repository.url, repository.head())
    assert [one["state"] for one in (first, second, third)] == ["succeeded"] * 3

    one, two, three = [await Images(engine).read(built["image"]) for built in (first, second, third)]
    *below, _ = one.layers  # the files of the commit
    assert two.layers[: len(below)] == tuple(below)
    assert len(two.layers) == len(one.layers) + 1
    assert three.layers[: len(below)] != tuple(below)  # a version that goes may leave something behind
    code = f"import {new_requirement}, {added}, mirror; print(mirror.VERSION)"
    assert [run_in(built["image"], "python", "-c", code).strip() for built in (second, third)] == ["1.0", "2.0"]
    assert f"{added}==1.0" in run_in(second["image"], "cat", "/srv/environment/heliostat-lock.txt").split()


def build_image(dockerfile: str, labels: Mapping[str, str]) -> str:
    """Build an image without a name, as a build that fails leaves it behind."""
    given = [f"--label={key}={value}" for key, value in labels.items()]
    argv = ["docker", "build", "--quiet", "--no-cache", *given, "-"]
    legacy = {**os.environ, "DOCKER_BUILDKIT": "0"}  # which finds an image by its digest without asking a registry
    run = subprocess.run(argv, input=dockerfile, capture_output=True, text=True, check=True, env=legacy)
    return run.stdout.strip()


async def test_no_environment_begins_with_an_image_that_only_claims_to_be_one(
    builder, git, ada, added, new_requirement, engine
):
    repository = git.create("ada/claims")
    repository.commit({"requirements.txt": f"{new_requirement}\nmirror\n"})
    first = await build(builder, ada, repository.url)
    name = f"environment:{first['plan']['environment_id']}"
    environments = await Images(engine).list_briefly("heliostat.role=environment")
    honest = next(image for image in environments if any(one.endswith(name) for one in image.names))
    claims = {**honest.labels, "heliostat.lock": f"{honest.labels['heliostat.lock']}{added}==1.0\n"}
    dockerfile = f"FROM {honest.digest}\nUSER 0\nRUN touch /srv/environment/evil\n"
    made = await asyncio.to_thread(build_image, dockerfile, claims)

    repository.commit({"requirements.txt": f"{new_requirement}\nmirror\n{added}\n"})
    second = await build(builder, ada, repository.url, repository.head())

    await Images(engine).remove(made)
    assert second["state"] == "succeeded", second["failure"]
    assert "evil" not in run_in(second["image"], "ls", "/srv/environment").split()


async def test_the_repositorys_own_code_is_installed_and_run_where_its_files_are(builder, git, ada, engine):
    repository = git.create("ada/own")
    repository.commit(
        {
            "pyproject.toml": "[build-system]\nrequires=['setuptools']\nbuild-backend='setuptools.build_meta'\n"
            "[project]\nname='own'\nversion='1'\n[tool.setuptools]\npy-modules=['own']",
            "own.py": "ANSWER = 42",
            "postBuild": "echo made > made.txt\necho tracked >> own.py.txt\n",
            "own.py.txt": "",
            "start": '#!/bin/sh\nexport STARTED=yes\nexec "$@"\n',
        }
    )
    built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built["failure"]
    assert built["plan"]["forced_by"] == "postBuild"
    shown = run_in(built["image"], "sh", "-c", 'cat made.txt own.py.txt; echo $STARTED; cd /; python -c "import own"')
    assert shown.split() == ["made", "tracked", "yes"]

    async def is_gone() -> bool:
        return not await Containers(engine).list_({"heliostat.build": built["id"]})

    await wait_until(is_gone)


async def test_secrets_of_the_operator_are_in_no_image_and_no_log(replica, settings, git, ada, engine):
    secret = "sesame-of-the-index"
    variables = {**settings["build_environment"], "UV_INDEX_OPTICS_PASSWORD": secret, "OPTICS_HOST": "host-of-optics"}
    repository = git.create("ada/curious")
    look = "env; cat /run/heliostat/* || true; cp -r /run/heliostat ~/taken || true"
    repository.commit({"requirements.txt": "lens", "postBuild": look})
    async with replica(build_environment=variables) as builder:
        built = await build(builder, ada, repository.url)
        lines, _ = await follow(builder, built["id"], ada)
    assert built["state"] == "succeeded", built["failure"]
    printed = "\n".join(line["text"] for line in lines)
    assert "host-of-optics" in printed  # what is no secret reaches the script, so this test can fail
    assert secret not in printed
    inspected = str(await engine.docker.images.inspect(built["image"]))
    inspected += str(await engine.docker.images.history(built["image"]))
    found = run_in(
        built["image"], "sh", "-c", f"grep -rl {secret} /home /srv /run /tmp /etc || true; ls /run/heliostat"
    )
    assert (secret in inspected, "host-of-optics" in inspected, found) == (False, False, "")
