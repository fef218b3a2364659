"""REST APIs of GitHub and GitLab, as far as they tell which commit a ref is."""

from dataclasses import dataclass
from typing import ClassVar, Protocol
from urllib.parse import quote

import httpx
from pydantic import SecretStr
from typing_extensions import override

from ..domain.providers import Repository
from ..domain.refs import Commit, read_full_commit
from ..errors import RateLimitedError, RefNotFoundError, RepositoryNotFoundError, UpstreamError
from ..metrics import BuilderMetrics
from .ratelimits import is_rate_limited, note_rate, read_reset

_TIMEOUT = httpx.Timeout(10, connect=5)
_NOT_MODIFIED = 304
_FORBIDDEN = (403, 429)
_NO_SUCH_COMMIT = (409, 422)


@dataclass(frozen=True, slots=True)
class Answer:
    """A commit, and the tag with which to ask next time; no commit means it is still the same."""

    commit: Commit | None
    etag: str | None


class ForgeClient(Protocol):
    """Asks one API.

    Attributes
    ----------
    has_git
        Whether git, asked directly, may answer instead.
    """

    has_git: ClassVar[bool]

    async def resolve(self, repository: Repository, ref: str, *, etag: str | None) -> Answer:
        """Ask which commit a ref is.

        Raises
        ------
        RepositoryNotFoundError, RefNotFoundError
            It is not there, or private.
        RateLimitedError, UpstreamError
            Not answered; git can be asked instead.
        """


class GitHubClient(ForgeClient):
    """GitHub's ``/repos/{owner}/{name}/commits/{ref}`` in its short form, conditional on an ETag."""

    has_git = True

    def __init__(
        self, *, client: httpx.AsyncClient, base_url: str, token: SecretStr | None, metrics: BuilderMetrics
    ) -> None:
        self._client = client
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self._metrics = metrics

    @override
    async def resolve(self, repository: Repository, ref: str, *, etag: str | None) -> Answer:
        headers = {**self._headers, "Accept": "application/vnd.github.sha"}
        if etag is not None:
            headers["If-None-Match"] = etag
        url = f"{self._base_url}/repos/{repository.path}/commits/{quote(ref.removeprefix('refs/'), safe='/')}"
        response = await _get(self._client, url, headers)
        note_rate(response, provider="gh", metrics=self._metrics)
        if is_rate_limited(response):
            raise RateLimitedError(host=response.url.host, reset=read_reset(response))
        return _judge(response, repository, ref, response.text.strip())


class GitLabClient(ForgeClient):
    """GitLab's ``/api/v4/projects/{path}/repository/commits/{ref}`` with the token in a header, not in the URL."""

    has_git = True

    def __init__(
        self, *, client: httpx.AsyncClient, base_url: str, token: SecretStr | None, metrics: BuilderMetrics
    ) -> None:
        self._client = client
        self._base_url = base_url
        self._metrics = metrics
        self._headers = {"PRIVATE-TOKEN": token.get_secret_value()} if token else {}

    @override
    async def resolve(self, repository: Repository, ref: str, *, etag: str | None) -> Answer:
        headers = self._headers | ({"If-None-Match": etag} if etag is not None else {})
        project, name = quote(repository.path, safe=""), quote(ref, safe="")
        url = f"{self._base_url}/api/v4/projects/{project}/repository/commits/{name}"
        response = await _get(self._client, url, headers)
        note_rate(response, provider="gl", metrics=self._metrics)
        if response.status_code in _FORBIDDEN:
            raise RateLimitedError(host=response.url.host, reset=read_reset(response))
        if response.status_code == httpx.codes.NOT_FOUND and "Commit" in response.text:
            raise RefNotFoundError(url=repository.url, ref=ref)
        return _judge(response, repository, ref, _read_id(response))


async def _get(client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> httpx.Response:
    try:
        return await client.get(url, headers=headers, timeout=_TIMEOUT)
    except httpx.HTTPError as error:
        raise UpstreamError(host=httpx.URL(url).host, reason=type(error).__name__) from error


def _judge(response: httpx.Response, repository: Repository, ref: str, sha: str) -> Answer:
    status = response.status_code
    if status == _NOT_MODIFIED:
        return Answer(commit=None, etag=response.headers.get("etag"))
    if status == httpx.codes.NOT_FOUND:
        raise RepositoryNotFoundError(url=repository.url)
    if status in _NO_SUCH_COMMIT:
        raise RefNotFoundError(url=repository.url, ref=ref)
    commit = read_full_commit(sha) if status == httpx.codes.OK else None
    if commit is None:
        raise UpstreamError(host=response.url.host, reason=f"its API answered with status {status}")
    return Answer(commit=commit, etag=response.headers.get("etag"))


def _read_id(response: httpx.Response) -> str:
    try:
        document = response.json()
    except ValueError:
        return ""
    return str(document.get("id", "")) if isinstance(document, dict) else ""
