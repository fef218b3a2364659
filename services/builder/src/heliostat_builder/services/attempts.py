"""One attempt at one build: fetch, make the environment where it is missing, lay out the files, publish, end."""

from dataclasses import dataclass
from pathlib import Path

from heliostat_core.contracts.builds import BuildState, PlanDecision
from heliostat_core.contracts.events import BuildFinished, EnvironmentCreated
from heliostat_runtime import ControlGroup

from ..domain.builds import Build
from ..domain.identity import Interpreter
from ..domain.plans import FilesPlan, Host
from ..domain.providers import Revision
from ..errors import BuildFailedError
from ..metrics import BuilderMetrics
from ..storage.mirrors import MirrorStorage
from ..storage.sandboxes import BuildSandboxes, Workplace
from ..storage.stores import Stores
from ..storage.workplaces import WorkplaceStorage
from .construction import CONTENT, START_SCRIPT, Attempt, ConstructionService
from .environments import EnvironmentService
from .logs import BuildLog
from .planning import Decided


@dataclass(frozen=True, slots=True)
class Places:
    """Where builds work and what they leave."""

    stores: Stores
    workplaces: WorkplaceStorage
    mirrors: MirrorStorage


class AttemptService:
    """Brings a build to its success; a failure is raised."""

    def __init__(
        self,
        *,
        construction: ConstructionService,
        sandboxes: BuildSandboxes,
        places: Places,
        environments: EnvironmentService,
        host: Host,
        metrics: BuilderMetrics,
    ) -> None:
        self._construction = construction
        self._sandboxes = sandboxes
        self._places = places
        self._environments = environments
        self._host = host
        self._metrics = metrics

    async def build(self, build: Build, decided: Decided, log: BuildLog) -> None:
        """Do what was decided, and end the build.

        Raises
        ------
        BuildFailedError
            It cannot succeed.
        ClientError, UnavailableError
            The commit cannot be fetched.
        LeaseLostError
            It is somebody else's by now.
        """
        plan, files = build.plan, decided.files
        await log.say("fetch", f"{plan.repo} at {plan.commit}")
        await self._places.mirrors.ensure_commit(Revision.of(plan))
        root = await self._places.workplaces.create(str(build.id), build.attempt + 1)
        try:
            if decided.decision is PlanDecision.FULL:
                async with self._sandboxes.group(f"build-{build.id}-{build.attempt + 1}") as group:
                    await self._make_environment(build, files, root, group, log)
            await self._environments.ensure_recorded(files.environment_id)
            await self._make_content(build, files, root, log)
        finally:
            await self._places.workplaces.delete(str(build.id))
        await log.say("publish", "Ready")
        event = BuildFinished(
            build_id=build.id,
            environment_id=files.environment_id,
            content_id=files.content_id,
            log_lines=log.count,
        )
        await log.end(event, actor="builder")
        self._metrics.builds.labels(BuildState.SUCCEEDED.value, plan.decision.value).inc()

    async def _make_environment(
        self, build: Build, files: FilesPlan, root: Path, group: ControlGroup, log: BuildLog
    ) -> None:
        environments, contents = self._places.stores.environments, self._places.stores.contents
        for warning in files.warnings:
            await log.say("plan", f"Warning: {warning}")
        staging = await environments.staging(files.environment_id)
        try:
            place = Workplace(
                root=root,
                staging=staging,
                environment=environments.path(files.environment_id),
                interpreter=self._find_interpreter(files.inputs.python),
            )
            lock = await self._construction.make(
                Attempt(plan=build.plan, files=files, place=place, group=group, log=log)
            )
            if files.inputs.post_build is not None:
                await contents.ensure(files.content_id, root / CONTENT)
            created = EnvironmentCreated(
                environment_id=files.environment_id,
                build_id=build.id,
                recipe=files.inputs.recipe,
                python=place.interpreter.version,
                lock=lock,
                size=await self._places.workplaces.measure(staging),
            )
            manifest = created.model_dump(mode="json", exclude={"kind"})
            manifest |= {"start_script": START_SCRIPT} if files.start else {}
            await log.flush()  # the last moment to learn that the lease was lost
            await environments.publish(staging, files.environment_id, manifest)
        finally:
            await environments.discard(staging)

    async def _make_content(self, build: Build, files: FilesPlan, root: Path, log: BuildLog) -> None:
        if await self._places.stores.contents.exists(files.content_id):
            return
        directory = root / CONTENT
        await self._places.mirrors.checkout(Revision.of(build.plan), directory)
        await self._places.stores.contents.ensure(files.content_id, directory)
        await log.say("content", "The repository's files are ready")

    def _find_interpreter(self, minor: str) -> Interpreter:
        for interpreter in self._host.interpreters:
            if interpreter.minor == minor:
                return interpreter
        raise BuildFailedError(
            code="no_interpreter", message=f"Python {minor} is not on this host any more", remedy="Ask the operator."
        )
