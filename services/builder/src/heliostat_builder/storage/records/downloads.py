"""Getting the files of a version: to disk as they come, counted, timed and verified."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import BinaryIO

import httpx
from heliostat_core.units import format_size

from ...errors import (
    RepositoryNotFoundError,
    RepositoryPrivateError,
    RepositoryTooLargeError,
    UpstreamError,
    UpstreamTimeoutError,
)
from ..upstream import UNCOMPRESSED, Upstream, check_uncompressed, read_host
from .listings import Listing, RemoteFile, name_algorithm

_PART = 2**20


@dataclass(frozen=True, slots=True)
class RecordLimits:
    """What one version may be: bytes (arrived, and unpacked), files (listed, and unpacked), time to arrive."""

    size: int
    files: int
    deadline: timedelta


class Download:
    """The files of one version on their way into a directory, in which they are numbered: names are not trusted.

    Parameters
    ----------
    of
        What errors call the repository.
    """

    def __init__(self, *, upstream: Upstream, limits: RecordLimits, of: str, directory: Path) -> None:
        self._upstream = upstream
        self._limits = limits
        self._of = of
        self._directory = directory
        self._left = limits.size
        self._end = monotonic() + limits.deadline.total_seconds()

    async def fetch(self, listing: Listing) -> list[Path]:
        """Get all files, in their order.

        Raises
        ------
        RepositoryTooLargeError
            They are too many, or too large.
        UpstreamError, UpstreamTimeoutError
            One did not arrive, or not as it should be.
        ClientError
            One is missing, private, or at an address that is not allowed.
        """
        if len(listing.files) > self._limits.files:
            raise RepositoryTooLargeError(url=self._of, limit=f"{self._limits.files} files")
        if sum(file.size or 0 for file in listing.files) > self._limits.size:
            raise self._build_too_large()
        places = [self._directory / str(number) for number in range(len(listing.files))]
        for file, place in zip(listing.files, places, strict=True):
            await self._fetch(file, place)
        return places

    async def _fetch(self, file: RemoteFile, place: Path) -> None:
        left = self._end - monotonic()
        if left <= 0:
            raise UpstreamTimeoutError(host=read_host(file.url), seconds=self._limits.deadline.total_seconds())
        name = f"the file {file.path[:100]!r}"
        try:
            async with self._upstream.open(
                file.url, of=self._of, headers=UNCOMPRESSED, deadline=timedelta(seconds=left)
            ) as response:
                check_uncompressed(response)
                target = await asyncio.to_thread(place.open, "wb")
                try:
                    await self._receive(response, target, file)
                finally:
                    await asyncio.to_thread(target.close)
        except RepositoryNotFoundError as error:
            raise UpstreamError(host=read_host(file.url), reason=f"it lists {name} and does not have it") from error
        except RepositoryPrivateError as error:
            raise RepositoryPrivateError(url=self._of, reason=f"{name} cannot be read without signing in") from error

    async def _receive(self, response: httpx.Response, target: BinaryIO, file: RemoteFile) -> None:
        digest = hashlib.new(name_algorithm(file.checksum), usedforsecurity=False) if file.checksum else None
        async for part in response.aiter_raw(_PART):
            self._left -= len(part)
            if self._left < 0:
                raise self._build_too_large()
            await asyncio.to_thread(target.write, part)
            if digest is not None:
                await asyncio.to_thread(digest.update, part)
        if digest is not None and digest.hexdigest() != file.checksum:
            raise UpstreamError(
                host=response.url.host,
                reason=f"the file {file.path[:100]!r} arrived with another checksum than it says",
            )

    def _build_too_large(self) -> RepositoryTooLargeError:
        return RepositoryTooLargeError(url=self._of, limit=format_size(self._limits.size))
