"""The process runtime: environments are directories on this host, and a commit's files an archive beside them."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from heliostat_core.contracts.builds import PlanDecision
from heliostat_core.contracts.events import EnvironmentCreated
from heliostat_runtime import ControlGroup, ControlGroups, RuntimeHostError
from pydantic import ValidationError
from typing_extensions import override

from ...domain.configuration import refuse_foreign
from ...domain.identity import RECIPE, Interpreter, build_plan_key
from ...domain.plans import FilesPlan, Host, build_files_plan
from ...domain.providers import Revision
from ...errors import BuildFailedError
from ...services.runtime import Attempt, Decision, Runtime, Tree
from ...storage.mirrors import MirrorStorage
from ...storage.workplaces import WorkplaceStorage
from .construction import CONTENT, START_SCRIPT, Construction, ConstructionService
from .sandboxes import BuildSandboxes, Workplace
from .shelf import ProcessShelf
from .stores import Stores


@dataclass(frozen=True, slots=True)
class Places:
    """Where builds work and what they leave."""

    stores: Stores
    workplaces: WorkplaceStorage
    mirrors: MirrorStorage


class ProcessRuntime(Runtime):
    """Makes virtual environments in sandboxes."""

    def __init__(
        self,
        *,
        construction: ConstructionService,
        sandboxes: BuildSandboxes,
        places: Places,
        groups: ControlGroups,
        host: Host,
    ) -> None:
        self._construction = construction
        self._sandboxes = sandboxes
        self._places = places
        self._groups = groups
        self._host = host
        self.shelf = ProcessShelf(environments=places.stores.environments, contents=places.stores.contents)
        self._key = build_plan_key(RECIPE, host.interpreters, isolated=host.isolated)

    @override
    async def read_key(self) -> str:
        return self._key

    @override
    async def plan(self, tree: Tree) -> FilesPlan:
        refuse_foreign(tree.configuration)
        # In a thread: a file made to be slow to read must not hold up everybody else.
        return await asyncio.to_thread(
            build_files_plan,
            repository=tree.revision.repository,
            commit=tree.revision.commit,
            configuration=tree.configuration,
            files=tree.files,
            host=self._host,
        )

    @override
    async def decide(self, files: FilesPlan, *, name: str) -> Decision:
        return Decision(await self._places.stores.decide(files))

    @override
    async def build(self, attempt: Attempt) -> None:
        build = attempt.build
        await attempt.log.say("fetch", f"{build.plan.repo} at {build.plan.commit}")
        await self._places.mirrors.ensure_commit(Revision.of(build.plan))
        root = await self._places.workplaces.create(str(build.id), attempt.number)
        try:
            if attempt.todo is PlanDecision.FULL:
                async with self._sandboxes.group(f"build-{build.id}-{attempt.number}") as group:
                    await self._make_environment(attempt, root, group)
            await self._make_content(attempt, root)
        finally:
            await self._places.workplaces.delete(str(build.id))

    @override
    async def discard(self, build_id: str) -> None:
        await self._places.workplaces.delete(build_id)

    @override
    async def list_builds(self) -> Collection[str]:
        return await self._places.workplaces.list_()

    @override
    async def list_environments(self) -> Collection[str]:
        return await self._places.stores.environments.list_()

    @override
    async def read_environment(self, environment_id: str) -> EnvironmentCreated | None:
        try:
            manifest = await self._places.stores.environments.read_manifest(environment_id)
            manifest.pop("start_script", None)
            return EnvironmentCreated.model_validate(manifest)
        except (RuntimeHostError, ValidationError):
            return None

    @override
    async def reconcile(self) -> None:
        await self._places.workplaces.prepare()
        await self._places.stores.environments.reconcile()
        await self._places.stores.contents.reconcile()
        for group in await self._groups.list_("build-"):
            if not await group.list_pids():  # a living builder's group has its processes in it
                await group.remove()

    async def _make_environment(self, attempt: Attempt, root: Path, group: ControlGroup) -> None:
        environments, contents = self._places.stores.environments, self._places.stores.contents
        files, log = attempt.files, attempt.log
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
                Construction(plan=attempt.build.plan, files=files, place=place, group=group, log=log)
            )
            if files.inputs.post_build is not None:
                await contents.ensure(files.content_id, root / CONTENT)
            created = EnvironmentCreated(
                environment_id=files.environment_id,
                build_id=attempt.build.id,
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

    async def _make_content(self, attempt: Attempt, root: Path) -> None:
        if await self._places.stores.contents.exists(attempt.files.content_id):
            return
        directory = root / CONTENT
        await self._places.mirrors.checkout(Revision.of(attempt.build.plan), directory)
        await self._places.stores.contents.ensure(attempt.files.content_id, directory)
        await attempt.log.say("content", "The repository's files are ready")

    def _find_interpreter(self, minor: str) -> Interpreter:
        for interpreter in self._host.interpreters:
            if interpreter.minor == minor:
                return interpreter
        raise BuildFailedError(
            code="no_interpreter", message=f"Python {minor} is not on this host any more", remedy="Ask the operator."
        )
