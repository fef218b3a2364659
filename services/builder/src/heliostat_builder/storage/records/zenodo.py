"""Zenodo: a DOI leads to a record or to the newest of its versions; the record's number is the version for ever."""

import re
from typing import ClassVar

from pydantic import BaseModel
from typing_extensions import override

from ...domain.providers import Repository, Revision
from ...domain.refs import Commit
from ...errors import RepositoryNotFoundError, RepositoryPrivateError, VersionNotFoundError
from ..forges import Answer
from ..upstream import Upstream
from .listings import Listing, RecordClient, RemoteFile, read_checksum

_PAGE = re.compile(r"/records?/([1-9][0-9]{0,15})/?")


class _Links(BaseModel):
    self: str


class _File(BaseModel):
    key: str
    size: int
    checksum: str | None = None
    links: _Links


class _Metadata(BaseModel):
    access_right: str = "open"


class _Record(BaseModel):
    id: int | str
    metadata: _Metadata = _Metadata()
    files: list[_File] = []


class ZenodoClient(RecordClient):
    """Follows the DOI to the record's page, and asks ``/api/records/<number>`` for its files.

    The DOI itself is asked about each time: it costs one redirect, and there is nothing to which a tag would belong.
    """

    has_git: ClassVar[bool] = False

    def __init__(self, *, upstream: Upstream, base_url: str) -> None:
        self._upstream = upstream
        self._base_url = base_url

    @override
    async def resolve(self, repository: Repository, ref: str, *, etag: str | None) -> Answer:
        async with self._upstream.open(repository.url, of=repository.url) as response:
            url = str(response.url)
        match = _PAGE.fullmatch(url.removeprefix(self._base_url).partition("?")[0])
        if match is None:
            raise RepositoryNotFoundError(url=f"{repository.url}, which leads to {url[:200]}")
        return Answer(commit=Commit(match[1]), etag=None)

    @override
    async def list_files(self, revision: Revision) -> Listing:
        url = f"{self._base_url}/api/records/{revision.commit}"
        record = await self._upstream.read(_Record, url, of=revision.repository)
        if str(record.id) != revision.commit:
            raise VersionNotFoundError(
                url=revision.repository, ref=revision.commit, reason="it is not the number of one version"
            )
        if record.metadata.access_right != "open":
            raise RepositoryPrivateError(url=revision.repository, reason=f"it is {record.metadata.access_right[:40]}")
        return Listing(
            tuple(
                RemoteFile(path=file.key, url=file.links.self, size=file.size, checksum=read_checksum(file.checksum))
                for file in record.files
            )
        )

    @override
    async def check(self, revision: Revision) -> None:
        return  # what is published does not change
