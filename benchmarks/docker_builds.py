"""Builds of images: ours against repo2docker alone, on the same engine and in the same run.

The stock Python buildpack of repo2docker takes conda from the internet, which not every machine reaches; so what
repo2docker alone builds is the Dockerfile a careful author writes for the same requirements: dependencies first.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from time import perf_counter

import httpx

from tests.support.engine import CERTIFICATES, find_obstacle, make_base_image, make_lab_image
from tests.support.gitserver import GitRepository, GitServer, running_git_server
from tests.support.hub import running_hub
from tests.support.postgres import Postgres, running_postgres

from .figures import Figure, run
from .services import CALLER_TOKEN, build_policy_settings, build_settings, running_service

_LIMIT = timedelta(minutes=20)
_REQUIREMENTS = "numpy\npandas\nmatplotlib\n"
_MORE = f"{_REQUIREMENTS}tqdm\n"
_NOTEBOOK = '{{"cells": [], "metadata": {{"version": {number}}}, "nbformat": 4, "nbformat_minor": 5}}'
_HEADERS = {"Authorization": f"Bearer {CALLER_TOKEN}", "X-Heliostat-On-Behalf-Of": "ada"}
_INSTALL = "uv pip install --quiet --compile-bytecode --python /srv/environment/bin/python -r requirements.txt"


def measure_docker_builds() -> Sequence[Figure]:
    """Measure a cold build, the same commit, a notebook-only commit and a changed dependency."""
    if obstacle := find_obstacle():
        raise RuntimeError(obstacle)
    lab = make_lab_image(make_base_image())
    salt = token_hex(6)
    try:
        with running_postgres(durable=True) as postgres, running_git_server() as git:
            base = _make_trusting_base(lab, salt)
            return run(_measure(postgres, git, lab, base, salt), limit=_LIMIT)
    finally:
        _remove(salt)


async def _measure(postgres: Postgres, git: GitServer, lab: str, base: str, salt: str) -> list[Figure]:
    async with _running_builder(postgres, lab, salt) as builder:
        alone = Alone(git.create("ada/alone"), salt)
        pip, docker = git.create("ada/pip"), git.create("ada/docker")
        dockerfile = _write_dockerfile(base)
        theirs = [await alone.build({"Dockerfile": f"{dockerfile}# alone\n"} | _files(_REQUIREMENTS, 1))]
        ours = [await _build(builder, pip, _files(_REQUIREMENTS, 1))]
        through = [await _build(builder, docker, {"Dockerfile": f"{dockerfile}# ours\n"} | _files(_REQUIREMENTS, 1))]
        theirs.append(await alone.build({}))
        hits = [await _plan(builder, pip) for _ in range(5)]
        for files in (_files(_REQUIREMENTS, 2), _files(_MORE, 2)):
            theirs.append(await alone.build(files))
            ours.append(await _build(builder, pip, files))
            through.append(await _build(builder, docker, files))
    return _report(theirs, ours, through, hits)


def _report(
    theirs: Sequence[float], ours: Sequence[float], through: Sequence[float], hits: Sequence[float]
) -> list[Figure]:
    cold, same, notebook, changed = theirs
    return [
        Figure("repo2docker alone: cold", cold, "s"),
        Figure("repo2docker alone: same commit", same, "s"),
        Figure("repo2docker alone: notebook only", notebook, "s"),
        Figure("repo2docker alone: changed dependency", changed, "s"),
        Figure("same commit: plan hit", min(hits), "s", at_most=0.1),
        Figure("uv: cold", ours[0], "s"),
        Figure("uv: cold / repo2docker alone", ours[0] / cold, "times", at_most=1.1),
        Figure("uv: notebook only, to the image", ours[1], "s", at_most=0.5),
        Figure("uv: changed dependency", ours[2], "s"),
        Figure("uv: changed dependency / repo2docker alone", ours[2] / changed, "times", at_most=0.6),
        Figure("Dockerfile through us: cold / repo2docker alone", through[0] / cold, "times", at_most=1.1),
        Figure("Dockerfile through us: notebook only", through[1], "s"),
        Figure("Dockerfile through us: changed / repo2docker alone", through[2] / changed, "times"),
    ]


class Alone:
    """repo2docker as people run it, on a checkout."""

    def __init__(self, repository: GitRepository, salt: str) -> None:
        self._repository = repository
        self._name = f"heliostat-bench-{salt}"

    async def build(self, files: dict[str, str]) -> float:
        """Commit the files, if any, build, and return the seconds of the build; the image is named after the commit."""
        commit = self._repository.commit(files) if files else self._repository.head()
        argv = [sys.executable, "-m", "repo2docker", "--no-run", "--no-clean", "--user-id", "1000"]
        argv += ["--user-name", "jovyan", "--image-name", f"{self._name}:{commit}", str(self._repository.work)]
        begun = perf_counter()
        process = await asyncio.create_subprocess_exec(
            *argv, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await process.communicate()
        if process.returncode:
            raise RuntimeError(errors.decode()[-2000:])
        return perf_counter() - begun


def _files(requirements: str, number: int) -> dict[str, str]:
    return {"requirements.txt": requirements, "notebook.ipynb": _NOTEBOOK.format(number=number)}


def _write_dockerfile(base: str) -> str:
    return "\n".join(
        [f"FROM {base}", "COPY requirements.txt .", f"RUN {_INSTALL}", "COPY --chown=1000:1000 . /home/jovyan/", ""]
    )


def _make_trusting_base(lab: str, salt: str) -> str:
    """Give plain Dockerfiles what our recipe has from a setting: the authorities of a network that inspects TLS."""
    name = f"heliostat-bench-{salt}:base"
    with tempfile.TemporaryDirectory() as directory:
        bundle = CERTIFICATES.read_bytes() if CERTIFICATES.exists() else b""
        Path(directory, "ca.crt").write_bytes(bundle)
        trusting = "\nENV SSL_CERT_FILE=/etc/ca.crt" if bundle else ""
        # BuildKit knows what runs on the same files from the benchmark before, whatever the labels say.
        Path(directory, "salt").write_text(salt)
        Path(directory, "Dockerfile").write_text(f"FROM {lab}\nCOPY salt ca.crt /etc/{trusting}\n")
        _docker("build", "--quiet", "--tag", name, directory)
    return name


@asynccontextmanager
async def _running_builder(postgres: Postgres, lab: str, salt: str) -> AsyncIterator[httpx.AsyncClient]:
    database = await postgres.create_database()
    async with running_hub() as hub:
        policy_settings = build_policy_settings(postgres=postgres, database=database, hub_url=hub.url)
        settings = build_settings("builder", postgres=postgres, database=database, hub_url=hub.url)
        with tempfile.TemporaryDirectory(prefix="heliostat-bench-") as state:
            async with running_service("policy", policy_settings, base_path="/services/policy/") as policy:
                chosen = {
                    "POLICY_URL": policy.url,
                    "POLICY_TOKEN": CALLER_TOKEN,
                    "STATE_DIRECTORY": state,
                    "RUNTIME": "docker",
                    "INSTANCE": salt,
                    "BASE_IMAGE": lab,
                    "ALLOWED_PRIVATE_NETWORKS": json.dumps(["127.0.0.0/8"]),
                    **({"BUILD_CERTIFICATES": str(CERTIFICATES)} if CERTIFICATES.exists() else {}),
                }
                settings |= {f"HELIOSTAT_BUILDER_{name}": value for name, value in chosen.items()}
                async with (
                    running_service("builder", settings, base_path="/services/builder/") as builder,
                    httpx.AsyncClient(base_url=builder.url, headers=_HEADERS, timeout=600, trust_env=False) as client,
                ):
                    yield client


async def _plan(builder: httpx.AsyncClient, repository: GitRepository) -> float:
    request = {"repo": repository.url, "ref": repository.head()}
    begun = perf_counter()
    plan = (await builder.post("api/v1/plans", json=request)).raise_for_status().json()
    taken = perf_counter() - begun
    if plan["decision"] != "hit":
        raise RuntimeError(f"the plan is {plan['decision']}")
    return taken


async def _build(builder: httpx.AsyncClient, repository: GitRepository, files: dict[str, str]) -> float:
    """Commit the files, let their commit be planned (which fetches it), and return the seconds to its image."""
    request = {"repo": repository.url, "ref": repository.commit(files)}
    (await builder.post("api/v1/plans", json=request)).raise_for_status()
    begun = perf_counter()
    found = (await builder.post("api/v1/builds", json=request)).raise_for_status().json()
    async with builder.stream("GET", f"api/v1/builds/{found['id']}/log") as log:
        async for _ in log.aiter_lines():
            pass
    taken = perf_counter() - begun
    built = (await builder.get(f"api/v1/builds/{found['id']}")).json()
    if built["state"] != "succeeded":
        raise RuntimeError(str(built["failure"]))
    return taken


def _remove(salt: str) -> None:
    """Remove every container, image and volume of this run."""
    for container in _docker("ps", "--all", "--quiet", "--filter", f"label=heliostat.instance={salt}").split():
        _docker("rm", "--force", "--volumes", container)
    wanted = ["--filter", f"reference=heliostat-{salt}/*", "--filter", f"reference=heliostat-bench-{salt}"]
    names = _docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", *wanted).split()
    for name in names:
        _docker("image", "rm", "--force", name)
    _docker("volume", "rm", "--force", f"heliostat-wheels-{salt}")


def _docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments], env=os.environ | {"DOCKER_BUILDKIT": "1"}, capture_output=True, text=True, check=True
    )
    return done.stdout
