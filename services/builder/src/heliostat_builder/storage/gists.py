"""GitHub's API of gists: which versions one has, and whether it is secret."""

import re
from typing import ClassVar

from pydantic import BaseModel
from typing_extensions import override

from ..domain.providers import Repository
from ..domain.refs import Commit, read_full_commit
from ..errors import RepositoryNotFoundError, SecretGistError, UpstreamError, VersionNotFoundError
from .forges import Answer, ForgeClient
from .upstream import Upstream

_NEWEST = {"HEAD", "master", "main"}
_SHORT = re.compile(r"[0-9a-fA-F]{4,39}")


class _Version(BaseModel):
    version: str


class _Gist(BaseModel):
    public: bool
    history: list[_Version]


class GistClient(ForgeClient):
    """GitHub's ``/gists/{id}`` and ``/gists/{id}/{sha}``, conditional on an ETag.

    git is never asked instead: it gives out secret gists like all others.
    """

    has_git: ClassVar[bool] = False

    def __init__(self, *, upstream: Upstream, base_url: str, allows_secret: bool) -> None:
        self._upstream = upstream
        self._base_url = base_url
        self._allows_secret = allows_secret

    @override
    async def resolve(self, repository: Repository, ref: str, *, etag: str | None) -> Answer:
        url = f"{self._base_url}/gists/{repository.path}"
        sha = read_full_commit(ref)
        if sha is None and ref not in _NEWEST:
            short = _SHORT.fullmatch(ref) is not None
            reason = "only the first digits were given" if short else "gists have no branches and no tags"
            raise VersionNotFoundError(url=repository.url, ref=ref, reason=reason)
        try:
            reply = await self._upstream.ask(
                _Gist, url if sha is None else f"{url}/{sha}", of=repository.url, etag=etag
            )
        except RepositoryNotFoundError:
            if sha is None:
                raise
            await self._upstream.read(_Gist, url, of=repository.url)  # which tells apart what is not there
            raise VersionNotFoundError(url=repository.url, ref=ref, reason="the gist has no such version") from None
        gist = reply.document
        if gist is None:
            return Answer(commit=None, etag=reply.etag)
        if not gist.public and not self._allows_secret:
            raise SecretGistError(url=repository.url)
        return Answer(commit=sha or self._read_newest(gist), etag=reply.etag)

    def _read_newest(self, gist: _Gist) -> Commit:
        commit = read_full_commit(gist.history[0].version) if gist.history else None
        if commit is None:
            raise UpstreamError(host=self._base_url.split("/")[2], reason="it lists no version of the gist")
        return commit
