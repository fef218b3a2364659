"""CKAN: datasets that keep their newest state, and the states that their history of activities remembers."""

from typing import ClassVar
from urllib.parse import quote, unquote, urlsplit

import httpx
from pydantic import BaseModel
from typing_extensions import override

from ...domain.providers import Repository, Revision
from ...domain.refs import Commit
from ...errors import VersionNotFoundError
from ..forges import Answer
from ..upstream import Upstream
from .listings import Listing, RecordClient, RemoteFile, build_time_version, read_checksum


class _Resource(BaseModel):
    id: str
    url: str | None = None
    hash: str | None = None


class _Dataset(BaseModel):
    metadata_modified: str
    resources: list[_Resource] = []


class _Answer(BaseModel):
    result: _Dataset


class CkanClient(RecordClient):
    """Asks ``package_show``, or ``activity_data_show`` for a state, of the site whose address the repository is."""

    has_git: ClassVar[bool] = False

    def __init__(self, *, upstream: Upstream) -> None:
        self._upstream = upstream

    @override
    async def resolve(self, repository: Repository, ref: str, *, etag: str | None) -> Answer:
        url = _build_api_url(repository.url)
        reply = await self._upstream.ask(_Answer, url, of=repository.url, etag=etag)
        if reply.document is None:
            return Answer(commit=None, etag=reply.etag)
        return Answer(commit=_read_version(repository.url, reply.document.result), etag=reply.etag)

    @override
    async def list_files(self, revision: Revision) -> Listing:
        dataset = await self._read(revision)
        files: dict[str, RemoteFile] = {}
        for resource in dataset.resources:
            if resource.url:
                name = _read_name(resource.url) or resource.id
                path = f"{resource.id}-{name}" if name in files else name
                files[path] = RemoteFile(path=path, url=resource.url, checksum=read_checksum(resource.hash))
        return Listing(tuple(files.values()))

    @override
    async def check(self, revision: Revision) -> None:
        await self._read(revision)

    async def _read(self, revision: Revision) -> _Dataset:
        url = _build_api_url(revision.repository)
        dataset = (await self._upstream.read(_Answer, url, of=revision.repository)).result
        if _read_version(revision.repository, dataset) != revision.commit:
            raise VersionNotFoundError(
                url=revision.repository,
                ref=revision.commit,
                reason="the dataset was changed; an address with its activity_id names a state that stays",
            )
        return dataset


def _read_name(url: str) -> str:
    try:
        return unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:
        return ""  # it will not be had either


def _build_api_url(url: str) -> str:
    base, _, inside = url.partition("/dataset/")
    name, _, activity = inside.partition("/history/")
    api = f"{base}/api/3/action"
    if activity:
        return f"{api}/activity_data_show?id={quote(activity)}&object_type=package"
    return f"{api}/package_show?id={quote(name)}"


def _read_version(url: str, dataset: _Dataset) -> Commit:
    name = url.partition("/dataset/")[2].partition("/")[0]
    return Commit(build_time_version(name, dataset.metadata_modified, host=httpx.URL(url).host))
