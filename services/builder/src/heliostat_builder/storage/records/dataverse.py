"""Dataverse: many installations; a DOI leads to the one that has the dataset, whose published versions stay."""

import re
from typing import ClassVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field
from typing_extensions import override

from ...domain.providers import Repository, Revision
from ...domain.refs import Commit
from ...errors import (
    RepositoryNotFoundError,
    RepositoryPrivateError,
    UpstreamError,
    VersionNotFoundError,
)
from ..forges import Answer
from ..upstream import Upstream
from .listings import Listing, RecordClient, RemoteFile, read_checksum

_PAGE = re.compile(r"(.*)/(?:citation|dataset\.xhtml)")


class _Checksum(BaseModel):
    value: str


class _DataFile(BaseModel):
    id: int
    filesize: int | None = None
    original_name: str | None = Field(default=None, alias="originalFileName")
    original_size: int | None = Field(default=None, alias="originalFileSize")
    checksum: _Checksum | None = None
    md5: str | None = None


class _File(BaseModel):
    label: str
    directory: str = Field(default="", alias="directoryLabel")
    restricted: bool = False
    data: _DataFile = Field(alias="dataFile")


class _Version(BaseModel):
    major: int = Field(alias="versionNumber")
    minor: int = Field(alias="versionMinorNumber")
    files: list[_File] = []


class _Dataset(BaseModel):
    id: int
    latest: _Version = Field(alias="latestVersion")


class _DatasetAnswer(BaseModel):
    data: _Dataset


class _VersionAnswer(BaseModel):
    data: _Version


class DataverseClient(RecordClient):
    """Asks ``/api/datasets/:persistentId/`` for the newest version, and ``/api/datasets/<id>/versions/<M.m>`` for one.

    Parameters
    ----------
    base_url
        The one installation to ask; None for the one a DOI leads to.
    """

    has_git: ClassVar[bool] = False

    def __init__(self, *, upstream: Upstream, base_url: str | None) -> None:
        self._upstream = upstream
        self._base_url = base_url

    @override
    async def resolve(self, repository: Repository, ref: str, *, etag: str | None) -> Answer:
        base, persistent_id = await self._find(repository.url)
        url = f"{base}/api/datasets/:persistentId/?persistentId={quote(persistent_id, safe=':/')}"
        reply = await self._upstream.ask(_DatasetAnswer, url, of=repository.url, etag=etag)
        if reply.document is None:
            return Answer(commit=None, etag=reply.etag)
        dataset, version = reply.document.data, reply.document.data.latest
        return Answer(commit=Commit(f"{dataset.id}.v{version.major}.{version.minor}"), etag=reply.etag)

    @override
    async def list_files(self, revision: Revision) -> Listing:
        base, _ = await self._find(revision.repository)
        dataset, _, version = revision.commit.partition(".v")
        url = f"{base}/api/datasets/{dataset}/versions/{version}"
        try:
            found = (await self._upstream.read(_VersionAnswer, url, of=revision.repository)).data
        except RepositoryNotFoundError as error:
            raise VersionNotFoundError(
                url=revision.repository, ref=revision.commit, reason="there is no such published version"
            ) from error
        if f"{found.major}.{found.minor}" != version:
            raise UpstreamError(host=httpx.URL(base).host, reason="it answered with another version")
        closed = [file.label for file in found.files if file.restricted]
        if closed:
            raise RepositoryPrivateError(url=revision.repository, reason=f"its file {closed[0][:100]!r} is restricted")
        return Listing(tuple(_build_file(base, file) for file in found.files))

    @override
    async def check(self, revision: Revision) -> None:
        return  # what is published does not change

    async def _find(self, url: str) -> tuple[str, str]:
        """Find the installation that has a dataset, and what the dataset is called there."""
        if self._base_url is not None:
            return self._base_url, "doi:" + "/".join(url.split("/")[3:])
        async with self._upstream.open(url, of=url, stop=_PAGE) as response:
            place = response.url
        written = place.raw_path.partition(b"?")[0].decode()
        match, persistent_id = _PAGE.fullmatch(written), place.params.get("persistentId", "")
        if match is None or not persistent_id:
            raise RepositoryNotFoundError(url=f"{url}, which leads to {str(place)[:200]} and to no dataset")
        return str(place.copy_with(raw_path=match[1].encode() or b"/")).rstrip("/"), persistent_id


def _build_file(base: str, file: _File) -> RemoteFile:
    """Build where a file is got; tables are got as they were uploaded, not as Dataverse keeps them."""
    data = file.data
    url, size = f"{base}/api/access/datafile/{data.id}", data.filesize
    if data.original_name is not None:
        url, size = f"{url}?format=original", data.original_size
    return RemoteFile(
        path="/".join(part for part in (file.directory, data.original_name or file.label) if part),
        url=url,
        size=size,
        checksum=read_checksum(data.checksum.value if data.checksum else data.md5),
    )
