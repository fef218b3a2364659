"""Our own recipe: the lab image, uv, and the repository's packages beside the server's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heliostat_containers import Containers, Engine, Mount
from heliostat_containers.archives import Archives, FileUnreadableError
from heliostat_core.contracts.events import EnvironmentCreated

from ...domain.failures import needs_source_build
from ...domain.loglines import remove_secrets
from ...errors import BuildFailedError
from ...services.runtime import Attempt
from .errors import translated
from .naming import BASE, Names
from .script import HOME, LOCK, SHARED_CACHE, build_given
from .steps import PHASES, Outcome, Step, Steps

_NO_WHEEL = "Something has no wheel for this Python; it is built in a container of its own."
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
    """Makes images of environments, in one container, or in a second one where packages have to be built.

    In the first only uv runs, which executes no code of packages when it may use wheels only; it shares the cache of
    wheels with all builds. In the second the code of packages or of the repository runs, and it has neither the cache
    nor any secret.
    """

    def __init__(self, *, engine: Engine, names: Names, steps: Steps, settings: UvSettings) -> None:
        self._names = names
        self._containers = Containers(engine)
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
            outcome = await self._steps.run(self._build_step(attempt, tree, closed=False), attempt.log)
            if outcome.status == 0:
                return await self._commit(attempt, outcome)
            if outcome.phase != "solve" or not needs_source_build(list(outcome.lines)):
                raise outcome.explain()
            if await attempt.log.count_output(_NO_WHEEL, tuple(PHASES)) is None:
                await attempt.log.say("plan", _NO_WHEEL)
        outcome = await self._steps.run(self._build_step(attempt, tree, closed=True), attempt.log)
        if outcome.status:
            raise outcome.explain()
        return await self._commit(attempt, outcome)

    def _build_step(self, attempt: Attempt, tree: Path | None, *, closed: bool) -> Step:
        image, settings = attempt.files.image, self._settings
        assert image is not None  # noqa: S101 plans of this runtime have one
        given = build_given(
            attempt.files.inputs,
            variables=remove_secrets(settings.variables) if closed else settings.variables,
            certificates=settings.certificates,
            shared_cache=not closed,
            compiles=settings.compiles,
        )
        return Step(
            build_id=attempt.build.id,
            attempt=attempt.number,
            kind="sources" if closed else "wheels",
            image=image.base,
            given=given,
            tree=tree,
            mounts=() if closed else (Mount(target=SHARED_CACHE, source=self._names.wheels(), kind="volume"),),
        )

    async def _commit(self, attempt: Attempt, outcome: Outcome) -> str:
        files = attempt.files
        async with translated():
            container = await self._containers.read(outcome.container)
            created = EnvironmentCreated(
                environment_id=files.environment_id,
                build_id=attempt.build.id,
                recipe=files.inputs.recipe,
                python=files.inputs.python,
                lock=await self._read_lock(outcome.container),
                size=None,
            )
            base = container.labels.get(BASE, "")
            config = {
                "Labels": self._names.label_environment(created),
                "Cmd": [f"{base}/bin/python", "-I", "-m", "heliostat_singleuser"],
                "Env": [f"HELIOSTAT_START={HOME}/{files.start}"] if files.start else [],
            }
            await attempt.log.flush()  # the last moment to learn that the lease was lost
            name = self._names.environment(files.environment_id)
            return await self._containers.commit(outcome.container, image=name, config=config)

    async def _read_lock(self, container: str) -> str:
        try:
            text = (await self._archives.read(container, LOCK, most=_MOST)).decode(errors="replace")
        except FileUnreadableError as error:
            raise BuildFailedError(
                code="solve_failed", message="The solver's output is missing or too large", remedy="Look at the log."
            ) from error
        # Hashes are in the image itself; as part of a label they would be a megabyte.
        lines = (line.rstrip("\\ ") for line in text.splitlines() if not line.lstrip().startswith("--hash"))
        return "".join(f"{line}\n" for line in lines if line)
