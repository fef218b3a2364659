"""Launches on a whole instance: what the control plane adds to the hub's own start of a server."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from time import perf_counter

from tests.e2e.stack import Stack
from tests.support.gitserver import GitRepository, running_git_server
from tests.support.notebooks import DATA, NOTEBOOK, REQUIREMENTS

from .figures import Figure, percentile, run, summarise
from .person import Launched, Person, signed_in
from .stack import running_instance

_LIMIT = timedelta(minutes=8)
_LAUNCHES = 30
_BRANCH_LAUNCHES = 10
_PATIENCE = timedelta(minutes=2)
"""On a machine too slow for all launches in this time there are fewer; their number is among the figures."""

_AT_ONCE = 10
_COMMITS = 5
_PLANS = 30
_WHOLE_LAUNCH = 3400
"""Milliseconds of BinderHub's launch of a built image on a hub like this one."""


def measure_launches() -> Sequence[Figure]:
    """Measure launches of what is built, one after the other and at once, plans, and commits that build nothing."""
    with running_git_server() as git, running_instance() as stack:
        repository = git.create("astro/survey")
        files = {"requirements.txt": REQUIREMENTS, "survey.ipynb": NOTEBOOK, "data/fluxes.csv": DATA}
        commit = repository.commit(files)
        return run(_measure(stack, repository, commit), limit=_LIMIT)


async def _measure(stack: Stack, repository: GitRepository, commit: str) -> list[Figure]:
    async with signed_in(stack, "ada") as ada:
        built = await ada.launch(repository.url)
        await ada.delete(built.server_name)
        plans = await _measure_plans(ada, repository)
        cached = await _launch_repeatedly(ada, repository, commit, times=_LAUNCHES)
        branch = await _launch_repeatedly(ada, repository, "HEAD", times=_BRANCH_LAUNCHES)
        commits = await _launch_commits(ada, repository)
    at_once = await _launch_at_once(stack, repository)
    cached_p50 = percentile([launched.seconds for launched in cached], 50)
    commits_p50 = percentile([launched.seconds for launched in commits], 50)
    return [
        Figure("first launch, with its build", built.seconds, "s"),
        *summarise("plan of what is built", plans),
        Figure("cached launches measured", len(cached), ""),
        *summarise("cached launch", [launched.seconds for launched in cached], p50=_WHOLE_LAUNCH),
        *summarise("cached launch, control plane", _control_plane(cached), p50=60, p95=120),
        *summarise("cached launch of a branch, with git asking where it is, control plane", _control_plane(branch)),
        *summarise(f"{_AT_ONCE} at once", [launched.seconds for launched in at_once]),
        *summarise(f"{_AT_ONCE} at once, control plane", _control_plane(at_once), p50=60, p95=120),
        Figure("commit of a notebook p50", commits_p50 * 1000, "ms"),
        Figure("commit of a notebook, more than a cached launch", (commits_p50 - cached_p50) * 1000, "ms", at_most=500),
        *summarise("commit of a notebook, control plane", _control_plane(commits)),
    ]


def _control_plane(launches: Sequence[Launched]) -> list[float]:
    return [launched.control_plane for launched in launches]


async def _measure_plans(person: Person, repository: GitRepository) -> list[float]:
    seconds = []
    for _ in range(_PLANS):
        begun = perf_counter()
        await person.plan(repository.url)
        seconds.append(perf_counter() - begun)
    return seconds


async def _launch_repeatedly(person: Person, repository: GitRepository, ref: str, *, times: int) -> list[Launched]:
    launches: list[Launched] = []
    begun = perf_counter()
    while len(launches) < times and perf_counter() - begun < _PATIENCE.total_seconds():
        launches.append(await person.launch(repository.url, ref=ref))
        await person.delete(launches[-1].server_name)
    return launches


async def _launch_commits(person: Person, repository: GitRepository) -> list[Launched]:
    """Launch branches nobody asked for before, whose commits change a notebook alone."""
    launches: list[Launched] = []
    begun = perf_counter()
    while len(launches) < _COMMITS and perf_counter() - begun < _PATIENCE.total_seconds() / 2:
        branch = f"edit-{len(launches)}"
        await asyncio.to_thread(repository.branch, branch)
        changed = NOTEBOOK.replace("# Survey", f"# Survey {len(launches)}")
        await asyncio.to_thread(repository.commit, {"survey.ipynb": changed})
        launches.append(await person.launch(repository.url, ref=branch))
        await person.delete(launches[-1].server_name)
    return launches


async def _launch_at_once(stack: Stack, repository: GitRepository) -> list[Launched]:
    async with AsyncExitStack() as resources:
        names = [f"user-{number}" for number in range(_AT_ONCE)]
        people = [await resources.enter_async_context(signed_in(stack, name)) for name in names]
        for person in people:
            await person.plan(repository.url)  # signs in at the services, as the page before a launch does
        launches = await asyncio.gather(*(person.launch(repository.url) for person in people))
        await asyncio.gather(
            *(person.delete(launched.server_name) for person, launched in zip(people, launches, strict=True))
        )
    return launches
