"""Which commit a ref is: remembered for a moment, asked of the host's API conditionally, or of git."""

from collections.abc import Mapping
from datetime import timedelta

from heliostat_core.database import Database
from heliostat_core.errors import HeliostatError

from ..domain.providers import Repository
from ..domain.refs import Commit, find_commit, find_similar, list_candidates, parse_advertised, read_full_commit
from ..errors import RateLimitedError, RefNotFoundError, UpstreamError
from ..metrics import BuilderMetrics
from ..storage.caches import Resolution, ResolutionStorage
from ..storage.forges import ForgeClient
from ..storage.git import GitClient
from .clock import Clock
from .locks import NamedLocks

_NOT_FOUND = 404


class ResolutionService:
    """Resolves refs.

    Parameters
    ----------
    forges
        APIs by the prefix of their provider; git is asked where there is none, or where it does not answer.
    fresh_time
        How long an answer is used without asking again.
    """

    def __init__(
        self,
        *,
        database: Database,
        resolutions: ResolutionStorage,
        forges: Mapping[str, ForgeClient],
        git: GitClient,
        metrics: BuilderMetrics,
        fresh_time: timedelta,
        clock: Clock,
    ) -> None:
        self._database = database
        self._resolutions = resolutions
        self._forges = forges
        self._git = git
        self._metrics = metrics
        self._fresh_time = fresh_time
        self._clock = clock
        self._asking = NamedLocks()

    async def resolve(self, repository: Repository, ref: str) -> Commit:
        """Return the commit of a ref; one that is already a commit is found out to exist, or not, by fetching it.

        Raises
        ------
        ClientError, UnavailableError
            The repository or ref is not there, or nobody answers.
        """
        if (commit := repository.read_commit(ref)) is not None:
            return commit
        async with self._asking.held(f"{repository.url} {ref}"):
            async with self._database.statements() as connection:
                known = await self._resolutions.read(connection, repository, ref)
            if known is not None and self._holds(known, ref):
                self._count(repository, "cached")
                return known.commit
            try:
                commit, etag = await self._ask(repository, ref, known)
            except HeliostatError as error:
                self._count(repository, _name_outcome(error))
                raise
            async with self._database.transaction() as connection:
                await self._resolutions.write(connection, repository, ref, commit=commit, etag=etag)
                if repository.read_commit(commit) is None and ref != commit:
                    # A launch asks for what its plan said, perhaps when the API answers no more.
                    await self._resolutions.write(connection, repository, commit, commit=commit, etag=None)
            return commit

    def _holds(self, known: Resolution, ref: str) -> bool:
        """Whether what is known need not be asked again: a full SHA that was found once stays what it is."""
        return read_full_commit(ref) == known.commit or self._clock() - known.resolved_at < self._fresh_time

    async def _ask(self, repository: Repository, ref: str, known: Resolution | None) -> tuple[Commit, str | None]:
        forge = self._forges.get(repository.provider)
        if forge is None:
            return await self._ask_git(repository, ref), None
        try:
            answer = await forge.resolve(repository, ref, etag=known.etag if known else None)
        except RefNotFoundError:
            if not forge.has_git:
                raise
            return await self._ask_git(repository, ref), None  # which knows what exists instead
        except (RateLimitedError, UpstreamError) as error:
            if not forge.has_git:
                raise
            try:
                return await self._ask_git(repository, ref), None
            except UpstreamError:
                raise error from None
        self._count(repository, "api")
        if answer.commit is not None:
            return answer.commit, answer.etag
        if known is None:
            raise UpstreamError(host=repository.url.split("/")[2], reason="it answers that nothing has changed")
        return known.commit, known.etag

    async def _ask_git(self, repository: Repository, ref: str) -> Commit:
        patterns = [pattern for name in list_candidates(ref) for pattern in (name, f"{name}^{{}}")]
        commit = find_commit(parse_advertised(await self._git.list_remote(repository.url, patterns)), ref)
        if commit is None:
            advertised = parse_advertised(await self._git.list_remote(repository.url))
            commit = find_commit(advertised, ref)
            if commit is None:
                raise RefNotFoundError(url=repository.url, ref=ref, similar=find_similar(advertised, ref))
        self._count(repository, "git")
        return commit

    def _count(self, repository: Repository, outcome: str) -> None:
        self._metrics.resolutions.labels(repository.provider, outcome).inc()


def _name_outcome(error: HeliostatError) -> str:
    if isinstance(error, RateLimitedError):
        return "rate_limited"
    return "not_found" if error.status == _NOT_FOUND else "failed"
