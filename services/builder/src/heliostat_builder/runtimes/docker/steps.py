"""Running one step of a build in a container of its own, under limits, and going on with it where another builder was.

The container is named after build, attempt and step. Its program is a shell script that says which phase begins by a
line of its own; every line it writes is stored, so that the number of lines stored is the place to go on from.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from uuid import UUID

from heliostat_containers import (
    Container,
    ContainerLimits,
    Containers,
    ContainerSpec,
    Engine,
    Mount,
)
from heliostat_containers.archives import Archives
from heliostat_core.units import format_duration, format_size

from ...domain.failures import explain_failure
from ...errors import BuildFailedError
from ...metrics import BuilderMetrics
from ...services.logs import BuildLog
from .errors import translated
from .naming import Names
from .space import SpaceGuard

GIVEN = "/run/heliostat"
"""Where a step finds what it was given: a volume that lives with the container, and is part of no image."""

MARK = "\x1e"
"""Begins the line by which a script says that a phase begins."""

PHASES: Mapping[str, str] = {
    "solve": "Solving the requirements",
    "install": "Installing the packages",
    "postbuild": "Running the repository's postBuild",
    "compile": "Compiling the modules",
}

_REMEMBERED = 60
_KILLED = 137


@dataclass(frozen=True, slots=True)
class StepLimits:
    """What one step may use; ``memory`` is in bytes."""

    cpus: float
    memory: int
    processes: int
    silence: timedelta
    network: str


@dataclass(frozen=True, slots=True)
class Step:
    """One container of a build.

    Attributes
    ----------
    kind
        Which step of the build it is.
    given
        Files in `GIVEN`, by name; ``script`` is what runs.
    tree
        A tar archive unpacked at the root before the start.
    mounts
        What else it sees.
    """

    build_id: UUID
    attempt: int
    kind: str
    image: str
    given: Mapping[str, bytes]
    tree: Path | None = None
    mounts: tuple[Mount, ...] = ()


@dataclass(slots=True)
class Outcome:
    """How a step ended: in which container, with which exit status, in which phase, after which last lines."""

    container: str
    status: int = 0
    phase: str = "solve"
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def take(self, line: str) -> str:
        """Take one line of output and return what is shown of it."""
        if line.startswith(MARK) and (phase := line[len(MARK) :]) in PHASES:
            self.phase, line = phase, PHASES[phase]
        self.lines.append(line)
        return line

    def explain(self) -> BuildFailedError:
        """Build the error of a step that failed."""
        return explain_failure(self.phase, list(self.lines), status=self.status)


class Steps:
    """Runs steps."""

    def __init__(
        self, *, engine: Engine, names: Names, limits: StepLimits, space: SpaceGuard, metrics: BuilderMetrics
    ) -> None:
        self._metrics = metrics
        self._names = names
        self._containers = Containers(engine)
        self._archives = Archives(engine)
        self._limits = limits
        self._space = space

    async def run(self, step: Step, log: BuildLog) -> Outcome:
        """Run a step to its end, or follow one that another builder began.

        Raises
        ------
        BuildFailedError
            It was silent for too long, or used more memory or disk than it may.
        EngineAwayError
            The engine does not answer.
        """
        async with translated():
            name = await self._find_begun(step, log)
            if name is None:
                name, known = await self._begin(step, log), 0
            else:
                known = await log.count_output(_build_marker(name), tuple(PHASES)) or 0
            outcome = await self._watch(name, log, known)
            ended = await self._containers.read(name)
            outcome.status = _KILLED if ended.exit_code is None else ended.exit_code
            if outcome.status and ended.oom_killed:
                raise BuildFailedError(
                    code="out_of_memory",
                    message=f"The build needed more than {format_size(self._limits.memory)} of memory",
                    remedy="Use packages that have wheels, or ask the operator for a larger BUILD_MEMORY.",
                )
            if outcome.status == _KILLED:
                raise BuildFailedError(
                    code="build_killed",
                    message="The build was killed from outside, as when the container engine is restarted",
                    remedy="Try again; if it stays, tell the operator.",
                )
            return outcome

    async def list_(self, build_id: str = "") -> tuple[Container, ...]:
        """List the containers of a build, or of all builds, the newest first."""
        async with translated():
            found = await self._containers.list_(self._names.label_build(build_id))
        return tuple(sorted(found, key=lambda container: container.name, reverse=True))

    async def discard(self, build_id: str) -> None:
        """Stop and remove all containers of a build."""
        for container in await self.list_(build_id):
            async with translated():
                await self._containers.remove(container.name)

    async def _find_begun(self, step: Step, log: BuildLog) -> str | None:
        """Find the container of an earlier attempt at this step that was started; others of it are removed."""
        for container in await self.list_(str(step.build_id)):
            if not container.name.endswith(f"-{step.kind}"):
                continue
            begun = await log.count_output(_build_marker(container.name), tuple(PHASES)) is not None
            if begun and container.state != "created":
                return container.name
            await self._containers.remove(container.name)
        return None

    async def _begin(self, step: Step, log: BuildLog) -> str:
        name = self._names.container(step.build_id, step.attempt, step.kind)
        limits = self._limits
        spec = ContainerSpec(
            name=name,
            image=step.image,
            command=("sh", f"{GIVEN}/script"),
            labels=self._names.label_build(str(step.build_id)),
            mounts=(Mount(target=GIVEN, kind="volume"), *step.mounts),
            limits=ContainerLimits(cpu=limits.cpus, memory=limits.memory, pids=limits.processes),
            network=limits.network,
        )
        await self._containers.create(spec)
        await self._archives.write(name, GIVEN, step.given)
        if step.tree is not None:
            await self._archives.unpack(name, "/", step.tree)
        await log.say("container", _build_marker(name))
        await log.flush()  # the intent, before the act; also the last moment to learn that the lease was lost
        await self._containers.start(name)
        return name

    async def _watch(self, name: str, log: BuildLog, known: int) -> Outcome:
        outcome, number = Outcome(container=name), 0
        begun: float | None = None
        kill = partial(self._containers.kill, name)
        async with self._space.watching(lambda: name, stop=kill), aclosing(self._follow(name)) as lines:
            async for line in lines:
                number += 1
                before, shown = outcome.phase, outcome.take(line)
                if number <= known:  # the builder before stored it
                    continue
                await log.add(outcome.phase, shown)
                if shown != line:
                    self._count_phase(before, begun)
                    begun = monotonic()
        self._count_phase(outcome.phase, begun)
        return outcome

    def _count_phase(self, phase: str, begun: float | None) -> None:
        if begun is not None:  # otherwise another builder saw its beginning
            self._metrics.phases.labels(phase).observe(monotonic() - begun)

    async def _follow(self, name: str) -> AsyncGenerator[str]:
        """Yield all lines from the first, over broken connections, until the container has ended."""
        seen = 0
        while True:
            async with aclosing(self._containers.watch_logs(name, skip=seen)) as lines:
                while True:
                    try:
                        async with asyncio.timeout(self._limits.silence.total_seconds()):
                            line = await anext(lines, None)
                    except TimeoutError as error:
                        await self._containers.kill(name)
                        raise BuildFailedError(
                            code="build_silent",
                            message=f"The build printed nothing for {format_duration(self._limits.silence)} "
                            "and was stopped",
                            remedy="Let long steps print progress.",
                        ) from error
                    if line is None:
                        break
                    seen += 1
                    yield line
            if not (await self._containers.read(name)).is_running:
                return


def _build_marker(name: str) -> str:
    return f"Container {name}"
