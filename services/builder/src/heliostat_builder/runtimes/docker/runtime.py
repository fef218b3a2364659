"""The docker runtime: an environment is an image, and a commit's files one layer on top of it."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from heliostat_containers import Image, Images, ImageStore, write_layer
from heliostat_core.contracts.builds import PlanDecision
from heliostat_core.contracts.events import EnvironmentCreated
from typing_extensions import override

from ...domain.images import build_image_plan, build_tools_key
from ...domain.plans import FilesPlan
from ...domain.providers import Revision
from ...errors import BuildFailedError, EngineAwayError
from ...metrics import BuilderMetrics
from ...services.runtime import Attempt, Decision, Runtime, Tree
from ...storage.mirrors import MirrorStorage
from ...storage.workplaces import WorkplaceStorage
from .errors import asking, translated
from .naming import BUILD, INSTANCE, Names, read_environment_labels
from .repo2docker_recipe import Repo2DockerRecipe
from .shelf import DockerShelf
from .steps import Steps
from .toolbox import Toolbox
from .uv_recipe import UvRecipe


@dataclass(frozen=True, slots=True)
class Recipes:
    """What makes images of environments."""

    uv: UvRecipe
    repo2docker: Repo2DockerRecipe


class DockerRuntime(Runtime):
    """Makes images; which there are is asked of the engine and of the store, never remembered."""

    def __init__(
        self,
        *,
        names: Names,
        toolbox: Toolbox,
        images: Images,
        store: ImageStore,
        steps: Steps,
        recipes: Recipes,
        mirrors: MirrorStorage,
        workplaces: WorkplaceStorage,
        metrics: BuilderMetrics,
    ) -> None:
        self._metrics = metrics
        self._names = names
        self._toolbox = toolbox
        self._images = images
        self._store = store
        self.shelf = DockerShelf(images=images, names=names, store=store)
        self._steps = steps
        self._recipes = recipes
        self._mirrors = mirrors
        self._workplaces = workplaces
        self._log = structlog.get_logger()

    @override
    async def read_key(self) -> str:
        return build_tools_key(await self._toolbox.read())

    @override
    async def plan(self, tree: Tree) -> FilesPlan:
        return await asyncio.to_thread(
            build_image_plan,
            repository=tree.revision.repository,
            commit=tree.revision.commit,
            configuration=tree.configuration,
            files=tree.files,
            tools=await self._toolbox.read(),
        )

    @override
    async def decide(self, files: FilesPlan, *, name: str) -> Decision:
        async with asking():
            stored = await self._store.find(self._names.content(name))
            if stored is not None and stored.here:
                return Decision(PlanDecision.HIT, stored.reference)
            if stored is not None:
                return Decision(PlanDecision.CONTENT_ONLY)
            environment = await self._images.find(self._names.environment(files.environment_id))
            return Decision(PlanDecision.FULL if environment is None else PlanDecision.CONTENT_ONLY)

    @override
    async def build(self, attempt: Attempt) -> str:
        plan, build_id = attempt.build.plan, str(attempt.build.id)
        if fetched := await self._fetch(attempt):
            return fetched
        if not await self._steps.list_(build_id):  # otherwise it goes on where another builder was
            await attempt.log.say("fetch", f"{plan.repo} at {plan.commit}")
        await self._mirrors.ensure_commit(Revision.of(plan))
        root = await self._workplaces.create(build_id, attempt.number)
        try:
            if attempt.todo is PlanDecision.FULL:
                await self._make_environment(attempt, root)
            with self._metrics.phases.labels("content").time():
                reference = await self._publish(attempt, root)
        finally:
            await self._workplaces.delete(build_id)
        return reference

    @override
    async def discard(self, build_id: str) -> None:
        try:
            await self._steps.discard(build_id)
        except (EngineAwayError, BuildFailedError) as error:
            # It is tried again with all that is left behind.
            self._log.warning("containers left behind", build=build_id, error=str(error))

    @override
    async def list_builds(self) -> Collection[str]:
        return {container.labels[BUILD] for container in await self._steps.list_()} | set(
            await self._workplaces.list_()
        )

    @override
    async def list_environments(self) -> Collection[str]:
        async with asking():
            listed = await self._images.list_briefly(f"{INSTANCE}={self._names.instance}")
        return {environment_id for image in listed if (environment_id := self._names.tell_environment(image))}

    @override
    async def read_environment(self, environment_id: str) -> EnvironmentCreated | None:
        async with asking():
            image = await self._images.find(self._names.environment(environment_id))
        if image is None:
            return None
        return read_environment_labels(image.labels, size=image.size, image=image.digest)

    @override
    async def reconcile(self) -> None:
        await self._workplaces.prepare()

    async def _fetch(self, attempt: Attempt) -> str | None:
        """Take the commit's image from the store, if it is there: the engine lost it, or another builder was first."""
        name = self._name(attempt)
        async with translated():
            stored = await self._store.find(name)
            if stored is not None and not stored.here:
                await attempt.log.say("content", f"Fetching {stored.reference}")
                stored = await self._store.fetch(name)
        return stored.reference if stored else None

    async def _make_environment(self, attempt: Attempt, root: Path) -> None:
        for warning in attempt.files.warnings:
            await attempt.log.say("plan", f"Warning: {warning}")
        image = attempt.files.image
        assert image is not None  # noqa: S101 plans of this runtime have one
        tree = root / "tree"
        if image.tool == "repo2docker":
            await self._write_tree(attempt, tree, whole=image.whole)
            await self._recipes.repo2docker.make(attempt, tree=tree, workplace=root / "home")
            return
        archive = None
        if image.whole:
            await self._write_tree(attempt, tree, whole=True)
            async with translated():
                archive = (await write_layer(tree, root / "tree.tar")).path
        await self._recipes.uv.make(attempt, tree=archive)

    async def _write_tree(self, attempt: Attempt, tree: Path, *, whole: bool) -> None:
        """Write all of a commit, or only what its environment depends on."""
        revision, image = Revision.of(attempt.build.plan), attempt.files.image
        if whole or image is None:
            await self._mirrors.checkout(revision, tree)
            return
        paths = {path for path, _ in image.files} | set(attempt.files.config_files)
        files = await self._mirrors.read_files(revision, sorted(paths))
        await asyncio.to_thread(_write_files, tree, files)

    async def _publish(self, attempt: Attempt, root: Path) -> str:
        """Lay the commit's files on its environment, where they are not in it, and keep the result in the store."""
        files, image = attempt.files, attempt.files.image
        async with translated():
            environment = await self._images.read(self._names.environment(files.environment_id))
            made = environment
            if image is None or not image.whole:
                made = await self._add_content(attempt, environment, root)
            await attempt.log.flush()  # the last moment to learn that the lease was lost
            name = self._name(attempt)
            stored = await self._store.publish(made.digest, name)
        await attempt.log.say("content", f"Image {stored.reference}")
        return stored.reference

    def _name(self, attempt: Attempt) -> str:
        """Name the image of the commit; an older plan may have another image than the build's own."""
        prefix, _, _ = attempt.build.plan.image_name.partition(":")
        return self._names.content(f"{prefix}:{attempt.files.image_id}")

    async def _add_content(self, attempt: Attempt, environment: Image, root: Path) -> Image:
        directory = root / "content"
        await self._mirrors.checkout(Revision.of(attempt.build.plan), directory)
        layer = await write_layer(directory, root / "content.tar")
        labels = self._names.label_content(attempt.files, attempt.build.id)
        return await self._images.add_layer(environment.digest, layer, name=self._name(attempt), labels=labels)


def _write_files(tree: Path, files: Mapping[str, bytes]) -> None:
    tree.mkdir()
    for path, content in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)
