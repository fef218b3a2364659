"""figshare: articles have numbered versions that do not change."""

from typing import ClassVar

import httpx
from pydantic import BaseModel, RootModel
from typing_extensions import override

from ...domain.providers import Repository, Revision
from ...domain.refs import Commit
from ...errors import RepositoryNotFoundError, RepositoryPrivateError, UpstreamError, VersionNotFoundError
from ..forges import Answer
from ..upstream import Upstream
from .listings import Listing, RecordClient, RemoteFile, read_checksum


class _Version(BaseModel):
    version: int


class _Versions(RootModel[list[_Version]]):
    pass


class _File(BaseModel):
    name: str
    size: int
    is_link_only: bool
    download_url: str
    supplied_md5: str | None = None
    computed_md5: str | None = None


class _Article(BaseModel):
    doi: str = ""
    is_embargoed: bool = False
    files: list[_File] = []


class FigshareClient(RecordClient):
    """Asks ``/v2/articles/<id>/versions`` for the newest version, and ``…/versions/<N>`` for its files."""

    has_git: ClassVar[bool] = False

    def __init__(self, *, upstream: Upstream, base_url: str) -> None:
        self._upstream = upstream
        self._base_url = base_url

    @override
    async def resolve(self, repository: Repository, ref: str, *, etag: str | None) -> Answer:
        url = f"{self._base_url}/v2/articles/{repository.path}/versions"
        reply = await self._upstream.ask(_Versions, url, of=repository.url, etag=etag)
        if reply.document is None:
            return Answer(commit=None, etag=reply.etag)
        versions = [item.version for item in reply.document.root]
        if not versions:
            raise UpstreamError(host=httpx.URL(url).host, reason="it lists no version of the article")
        return Answer(commit=Commit(f"{repository.path}.v{max(versions)}"), etag=reply.etag)

    @override
    async def list_files(self, revision: Revision) -> Listing:
        article, _, version = revision.commit.partition(".v")
        url = f"{self._base_url}/v2/articles/{article}/versions/{version}"
        try:
            found = await self._upstream.read(_Article, url, of=revision.repository)
        except RepositoryNotFoundError as error:
            raise VersionNotFoundError(
                url=revision.repository, ref=revision.commit, reason="there is no such version of the article"
            ) from error
        # The number alone finds the article: whoever wrote the DOI is to get what the DOI is of.
        if found.doi and not revision.repository.endswith("/" + found.doi.lower().removesuffix(f".v{version}")):
            raise RepositoryNotFoundError(url=revision.repository)
        if found.is_embargoed and not found.files:
            raise RepositoryPrivateError(url=revision.repository, reason="it is under embargo")
        return Listing(
            tuple(
                RemoteFile(
                    path=file.name,
                    url=file.download_url,
                    size=file.size,
                    checksum=read_checksum(file.computed_md5) or read_checksum(file.supplied_md5),
                )
                for file in found.files
                if not file.is_link_only
            )
        )

    @override
    async def check(self, revision: Revision) -> None:
        return  # what is published does not change
