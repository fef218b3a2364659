"""What building a commit would do, found out without building anything."""

import asyncio
from dataclasses import dataclass

from heliostat_core.contracts.builds import BuildRequest, PlanDecision, PlanView
from heliostat_core.contracts.model import ErrorView
from heliostat_core.database import Database

from ..domain.configuration import find_configuration, list_interesting
from ..domain.identity import build_image_name
from ..domain.plans import FilesPlan
from ..domain.providers import ProviderRegistry, Repository, Revision
from ..domain.refs import Commit
from ..domain.requirements import MAX_FILES, list_includes
from ..errors import (
    PlanRefusedError,
    RefNotFoundError,
    RequirementNotUnderstoodError,
    UnsupportedConfigurationError,
)
from ..storage.addresses import AddressGuard
from ..storage.caches import PlanStorage
from ..storage.mirrors import MirrorStorage
from ..storage.retention import RetentionStorage
from .locks import NamedLocks
from .resolution import ResolutionService
from .runtime import Runtime, Tree

_RENAMED = {"gh"}
"""Providers whose default branches were renamed, with links to the old name everywhere; BinderHub helps there too."""

_DEFAULT_BRANCHES = {"main", "master"}


@dataclass(frozen=True, slots=True)
class Decided:
    """What a commit's files say, and what is left to do now."""

    files: FilesPlan
    decision: PlanDecision
    image: str | None
    doomed: bool = False
    """Something that is there is just being removed, so that it counts as gone; work waits until it is."""


class PlanningService:
    """Makes plans; what depends on a commit's files only is remembered for ever."""

    def __init__(
        self,
        *,
        database: Database,
        providers: ProviderRegistry,
        resolution: ResolutionService,
        mirrors: MirrorStorage,
        plans: PlanStorage,
        retention: RetentionStorage,
        runtime: Runtime,
        guard: AddressGuard,
    ) -> None:
        self._database = database
        self._providers = providers
        self._resolution = resolution
        self._mirrors = mirrors
        self._plans = plans
        self._retention = retention
        self._runtime = runtime
        self._guard = guard
        self._looking = NamedLocks()

    async def plan(self, request: BuildRequest) -> PlanView:
        """Resolve a request and say what building it would do now.

        Raises
        ------
        ClientError, UnavailableError
            It cannot be read, found, reached, or honoured.
        """
        repository, ref, commit, notes = await self._resolve(request)
        # As the resolved spec names it: a DOI may be of all versions, and what is built is of one.
        repository, _ = self._providers.parse_spec(repository.build_resolved_spec(commit), provider=repository.provider)
        decided = await self.decide(Revision(repository.provider, repository.url, commit), slug=repository.slug)
        files = decided.files
        return PlanView(
            provider=repository.provider,
            repo=repository.url,
            ref=ref,
            commit=commit,
            ref_url=repository.build_ref_url(commit),
            resolved_spec=repository.build_resolved_spec(commit),
            slug=repository.slug,
            environment_id=files.environment_id,
            content_id=files.content_id,
            image_id=files.image_id,
            image_name=build_image_name(provider=repository.provider, slug=repository.slug, image_id=files.image_id),
            image=decided.image,
            decision=decided.decision,
            forced_by=files.forced_by,
            config_files=list(files.config_files),
            warnings=[*notes, *files.warnings],
        )

    async def _resolve(self, request: BuildRequest) -> tuple[Repository, str, Commit, list[str]]:
        """Find the repository, its ref and the commit; a dead default branch in an old link is not the end of it."""
        if not request.spec:
            repository, ref = self._providers.parse(request.repo, ref=request.ref, provider=request.provider)
            return repository, ref, await self._resolution.resolve(repository, ref), []
        repository, ref = self._providers.parse_spec(request.repo, ref=request.ref, provider=request.provider)
        try:
            return repository, ref, await self._resolution.resolve(repository, ref), []
        except RefNotFoundError:
            if repository.provider not in _RENAMED or ref not in _DEFAULT_BRANCHES:
                raise
        commit = await self._resolution.resolve(repository, "HEAD")
        note = f"There is no branch {ref!r}, so HEAD was used instead. Please update your links."
        return repository, "HEAD", commit, [note]

    async def decide(self, revision: Revision, *, slug: str) -> Decided:
        """Say what is left to do for a commit; asked again right before it is done.

        Raises
        ------
        ClientError, UnavailableError
            As for `plan`.
        """
        key = await self._runtime.read_key()
        files = await self._read_files_plan(revision, key)
        found = await self._ask(files, revision, slug)
        if found.decision is PlanDecision.FULL:
            older = await self._find_older(revision, slug, key)
            if older is not None:
                return older
            # Here and not among what is remembered: where a name leads can change.
            await self._guard.check_all(files.urls)
        return found

    async def _find_older(self, revision: Revision, slug: str, key: str) -> Decided | None:
        """Find an environment an older recipe made for this very commit: a new recipe rebuilds nothing that works."""
        async with self._database.statements() as connection:
            others = await self._plans.list_others(connection, revision, key=key)
        for files in others:
            found = await self._ask(files, revision, slug)
            if found.decision is not PlanDecision.FULL:
                return found
        return None

    async def _ask(self, files: FilesPlan, revision: Revision, slug: str) -> Decided:
        """Ask the runtime what is there; that it is wanted is written first, so that it is not removed now."""
        async with self._database.statements() as connection:
            doomed = await self._retention.use(
                connection, environment_id=files.environment_id, content_id=files.content_id
            )
        name = build_image_name(provider=revision.provider, slug=slug, image_id=files.image_id)
        found = await self._runtime.decide(files, name=name)
        if doomed and found.todo is not PlanDecision.FULL:
            return Decided(files=files, decision=PlanDecision.FULL, image=None, doomed=True)
        return Decided(files=files, decision=found.todo, image=found.image)

    async def _read_files_plan(self, revision: Revision, key: str) -> FilesPlan:
        async with self._looking.held(f"{revision.repository} {revision.commit}"):
            async with self._database.statements() as connection:
                known = await self._plans.read(connection, revision, key=key)
            if known is None:
                known = await self._look(revision)
                async with self._database.statements() as connection:
                    await self._plans.write(connection, revision, key=key, plan=known)
        if isinstance(known, ErrorView):
            raise PlanRefusedError(known)
        return known

    async def _look(self, revision: Revision) -> FilesPlan | ErrorView:
        await self._mirrors.ensure_commit(revision)
        interesting = list_interesting()
        types = await self._mirrors.read_types(revision, interesting)
        present = [path for path in interesting if types.get(path) == "blob"]
        files = await self._mirrors.read_files(revision, present)
        directories = [path for path, kind in types.items() if kind == "tree"]
        try:
            # In a thread: a file made to be slow to read must not hold up everybody else.
            configuration = await asyncio.to_thread(find_configuration, directories, files)
            if configuration.requirements:
                await self._read_includes(revision, files, configuration.requirements)
            tree = Tree(revision=revision, configuration=configuration, files=files)
            return await self._runtime.plan(tree)
        except UnsupportedConfigurationError as error:
            return ErrorView(
                code=error.code, message=error.message, field=error.field, remedy=error.remedy, details=error.details
            )

    async def _read_includes(self, revision: Revision, files: dict[str, bytes], first: str) -> None:
        """Read the files a requirements file includes, and those they include."""
        waiting, seen = [first], {first}
        while waiting:
            path = waiting.pop()
            try:
                included = await asyncio.to_thread(list_includes, files[path], path)
            except RequirementNotUnderstoodError:
                return  # what then happens is the runtime's to say
            found = [name for name in included if name not in seen]
            seen.update(found)
            if len(seen) > MAX_FILES:
                raise UnsupportedConfigurationError(file=first, reason=f"it includes more than {MAX_FILES} files")
            read = await self._mirrors.read_files(revision, found)
            files.update(read)
            waiting.extend(read)
