"""HydroShare: one state of each resource, handed out as an archive that is made when somebody asks for it."""

import asyncio
from datetime import timedelta
from typing import ClassVar

import httpx
from pydantic import BaseModel
from typing_extensions import override

from ...domain.providers import Repository, Revision
from ...domain.refs import Commit
from ...errors import UpstreamError, UpstreamTimeoutError, VersionNotFoundError
from ..forges import Answer
from ..upstream import Upstream
from .listings import Listing, RecordClient, RemoteFile, build_time_version

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=10)
_ZIP = "application/zip"


class _Date(BaseModel):
    type: str
    start_date: str


class _Elements(BaseModel):
    dates: list[_Date]


class HydroShareClient(RecordClient):
    """Asks ``/hsapi/resource/<id>/scimeta/elements`` for the time of the last change, which is the version.

    Parameters
    ----------
    deadline
        How long to wait for the archive to be made.
    """

    has_git: ClassVar[bool] = False

    def __init__(self, *, upstream: Upstream, base_url: str, deadline: timedelta) -> None:
        self._upstream = upstream
        self._base_url = base_url
        self._deadline = deadline

    @override
    async def resolve(self, repository: Repository, ref: str, *, etag: str | None) -> Answer:
        url = self._build_elements_url(repository.path)
        reply = await self._upstream.ask(_Elements, url, of=repository.url, etag=etag)
        if reply.document is None:
            return Answer(commit=None, etag=reply.etag)
        return Answer(commit=self._read_version(repository.path, reply.document), etag=reply.etag)

    @override
    async def list_files(self, revision: Revision) -> Listing:
        await self.check(revision)
        resource = revision.commit.partition(".")[0]
        url = f"{self._base_url}/django_irods/download/bags/{resource}"
        await self._wait_for_archive(url, revision)
        file = RemoteFile(path=f"{resource}.zip", url=url)
        return Listing((file,), inside=f"{resource}/data/contents")

    @override
    async def check(self, revision: Revision) -> None:
        resource = revision.commit.partition(".")[0]
        elements = await self._upstream.read(_Elements, self._build_elements_url(resource), of=revision.repository)
        if self._read_version(resource, elements) != revision.commit:
            raise VersionNotFoundError(
                url=revision.repository,
                ref=revision.commit,
                reason="the resource was changed, and HydroShare keeps only its newest state",
            )

    async def _wait_for_archive(self, url: str, revision: Revision) -> None:
        pause = _FIRST_PAUSE
        try:
            async with asyncio.timeout(self._deadline.total_seconds()):
                while not await self._has_archive(url, revision):
                    await asyncio.sleep(pause.total_seconds())
                    pause = min(pause * 2, _LONGEST_PAUSE)
        except TimeoutError as error:
            raise UpstreamTimeoutError(host=httpx.URL(url).host, seconds=self._deadline.total_seconds()) from error

    async def _has_archive(self, url: str, revision: Revision) -> bool:
        async with self._upstream.open(url, of=revision.repository) as response:
            kind: str = response.headers.get("content-type", "")
            return kind.partition(";")[0].strip() == _ZIP

    def _build_elements_url(self, resource: str) -> str:
        return f"{self._base_url}/hsapi/resource/{resource}/scimeta/elements"

    def _read_version(self, resource: str, elements: _Elements) -> Commit:
        host = httpx.URL(self._base_url).host
        for date in elements.dates:
            if date.type == "modified":
                return Commit(build_time_version(resource, date.start_date, host=host))
        raise UpstreamError(host=host, reason="it does not say when the resource was changed")
