"""Our own recipe: the lab image, uv, and the repository's packages beside the server's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heliostat_containers import Containers, Engine, Images, Mount
from heliostat_containers.archives import Archives, FileUnreadableError
from heliostat_core.contracts.events import EnvironmentCreated

from ...domain.failures import needs_source_build
from ...domain.loglines import remove_secrets
from ...domain.predecessors import Predecessor, choose_predecessor
from ...errors import BuildFailedError
from ...services.runtime import Attempt
from .errors import translated
from .naming import BASE, GENERATION, LOCK, ORIGIN, RECIPE, Names
from .script import GROUND_FILE, HOME, LOCK_FILE, SHARED_CACHE, SOLVE, SOURCES, Task, build_given
from .steps import PHASES, Outcome, Step, Steps

_NO_WHEEL = "Something has no wheel for this Python; it is built in a container of its own."
_ANEW = "It cannot be installed on top of an environment that is there; it begins with the lab image."
_MOST = 4 * 2**20
"""Bytes of a lock; one line per package and hash."""


@dataclass(frozen=True, slots=True)
class UvSettings:
    """What the operator gives to builds.

    Attributes
    ----------
    variables
        For uv and git; those that are secret reach only steps in which no code of anybody's packages runs.
    certificates
        PEM text of the authorities to trust.
    """

    variables: Mapping[str, str]
    certificates: bytes | None
    compiles: bool


class UvRecipe:
    """Makes images of environments, in containers one after the other.

    First all is solved, and then installed. In both only uv runs, which executes no code of packages when it may use
    wheels only; so they have the cache of wheels that all builds share, and the operator's secrets. Where packages or
    the repository have to be built, a container without both does all of it. So does one that begins with another
    environment, because the packages that are in it run whenever its Python does.
    """

    def __init__(self, *, engine: Engine, names: Names, steps: Steps, settings: UvSettings) -> None:
        self._names = names
        self._containers = Containers(engine)
        self._images = Images(engine)
        self._archives = Archives(engine)
        self._steps = steps
        self._settings = settings

    async def make(self, attempt: Attempt, *, tree: Path | None) -> str:
        """Make the image of an environment and return its digest.

        Parameters
        ----------
        tree
            Archive of the commit's files, where they are part of the image.

        Raises
        ------
        BuildFailedError
            The step that failed, and why.
        """
        inputs = attempt.files.inputs
        runs_code = inputs.builds_repository_code or inputs.names_sources or inputs.post_build is not None
        if not runs_code:
            solved = await self._steps.run(self._build_step(attempt, SOLVE, kind="solve", tree=tree), attempt.log)
            if solved.status == 0:
                return await self._install(attempt, solved.container, tree=tree)
            if not needs_source_build(list(solved.lines)):
                raise solved.explain()
            if await attempt.log.count_output(_NO_WHEEL, tuple(PHASES)) is None:
                await attempt.log.say("plan", _NO_WHEEL)
        outcome = await self._steps.run(self._build_step(attempt, SOURCES, kind="sources", tree=tree), attempt.log)
        if outcome.status:
            raise outcome.explain()
        return await self._commit(attempt, outcome, shorten(await self._read(outcome.container, LOCK_FILE)))

    async def _install(self, attempt: Attempt, solved: str, *, tree: Path | None) -> str:
        """Install what a container solved: into an environment that has most of it, or into the lab image."""
        lock = await self._read(solved, LOCK_FILE)
        packages = shorten(lock)
        before = await self._find_predecessor(attempt, packages, below=shorten(await self._read(solved, GROUND_FILE)))
        if before is not None:
            step = self._build_step(attempt, Task(lock=lock), kind="added", tree=tree, image=before.image)
            outcome = await self._steps.run(step, attempt.log)
            if outcome.status == 0:
                return await self._commit(attempt, outcome, packages, generation=before.generation + 1)
            # As when the operator's index wants a password, which it has not.
            if await attempt.log.count_output(_ANEW, tuple(PHASES)) is None:
                await attempt.log.say("plan", _ANEW)
        step = self._build_step(attempt, Task(lock=lock, trusted=True), kind="wheels", tree=tree)
        outcome = await self._steps.run(step, attempt.log)
        if outcome.status:
            raise outcome.explain()
        return await self._commit(attempt, outcome, packages, generation=0)

    async def _find_predecessor(self, attempt: Attempt, packages: str, *, below: str) -> Predecessor | None:
        inputs, image = attempt.files.inputs, attempt.files.image
        if image is None or not inputs.is_told_by_lock:
            return None
        async with translated():
            listed = await self._images.list_briefly(f"{ORIGIN}={image.base}")
        there = (
            Predecessor(each.digest, frozenset(each.labels[LOCK].splitlines()), int(each.labels[GENERATION]))
            for each in listed
            if self._names.tell_environment(each) and each.labels[RECIPE] == inputs.recipe
        )
        return choose_predecessor(packages, there, below=below)

    def _build_step(
        self, attempt: Attempt, task: Task, *, kind: str, tree: Path | None, image: str | None = None
    ) -> Step:
        base, settings = attempt.files.image, self._settings
        assert base is not None  # noqa: S101 plans of this runtime have one
        given = build_given(
            attempt.files.inputs,
            task,
            variables=settings.variables if task.trusted else remove_secrets(settings.variables),
            certificates=settings.certificates,
            compiles=settings.compiles,
        )
        wheels = Mount(target=SHARED_CACHE, source=self._names.wheels(), kind="volume")
        return Step(
            build_id=attempt.build.id,
            attempt=attempt.number,
            kind=kind,
            image=image or base.base,
            given=given,
            tree=tree,
            mounts=(wheels,) if task.trusted else (),
        )

    async def _commit(self, attempt: Attempt, outcome: Outcome, packages: str, *, generation: int | None = None) -> str:
        """Make the image; others may begin with one that has a generation, and that its lock says all about."""
        files = attempt.files
        shared = generation is not None and files.image is not None and files.inputs.is_told_by_lock
        async with translated():
            container = await self._containers.read(outcome.container)
            created = EnvironmentCreated(
                environment_id=files.environment_id,
                build_id=attempt.build.id,
                recipe=files.inputs.recipe,
                python=files.inputs.python,
                lock=packages,
                size=None,
            )
            base = container.labels.get(BASE, "")
            config = {
                "Labels": self._names.label_environment(
                    created, origin=files.image.base if shared and files.image else "", generation=generation or 0
                ),
                "Cmd": [f"{base}/bin/python", "-I", "-m", "heliostat_singleuser"],
                "Env": [f"HELIOSTAT_START={HOME}/{files.start}"] if files.start else [],
            }
            await attempt.log.flush()  # the last moment to learn that the lease was lost
            name = self._names.environment(files.environment_id)
            return await self._containers.commit(outcome.container, image=name, config=config)

    async def _read(self, container: str, path: str) -> bytes:
        async with translated():
            try:
                return await self._archives.read(container, path, most=_MOST)
            except FileUnreadableError as error:
                raise BuildFailedError(
                    code="solve_failed",
                    message="The solver's output is missing or too large",
                    remedy="Look at the log.",
                ) from error


def shorten(lock: bytes) -> str:
    """Leave out hashes, which are in the image itself; as part of a label they would be a megabyte."""
    lines = (line.rstrip("\\ ") for line in lock.decode(errors="replace").splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.lstrip().startswith("--hash"))
