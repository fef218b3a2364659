"""A version's files become one commit in a mirror, the same commit wherever and whenever it is made."""

import asyncio
import errno
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heliostat_core.units import format_size

from ...domain.providers import Revision
from ...errors import (
    ArchiveRefusedError,
    RecordNotKeptError,
    RepositoryTooLargeError,
    UpstreamTimeoutError,
    VersionNotFoundError,
)
from ..commands import run_program
from ..unpacking import REFUSED, Job
from ..upstream import Upstream
from .downloads import Download, RecordLimits
from .listings import Listing, RecordClient

_PROGRAM = (sys.executable, "-I", "-m", "heliostat_builder.storage.unpacking")
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True, slots=True)
class RecordHost:
    """One provider of records: how it is asked for versions, and how files are got from it."""

    client: RecordClient
    upstream: Upstream


class RecordImporter:
    """Fetches versions of records.

    Parameters
    ----------
    hosts
        By the prefix of the provider; all others are git's.
    """

    def __init__(self, *, hosts: Mapping[str, RecordHost], limits: RecordLimits) -> None:
        self._hosts = hosts
        self._limits = limits

    def handles(self, provider: str) -> bool:
        """Whether repositories of a provider are records."""
        return provider in self._hosts

    async def fetch(self, revision: Revision, *, mirror: Path, ref: str, workplace: Path) -> None:
        """Fetch one version into a bare repository, under a ref that is written last.

        Parameters
        ----------
        workplace
            A directory that nobody else uses; it is not there before, nor afterwards.

        Raises
        ------
        ArchiveRefusedError
            What arrived would do harm, or is damaged.
        ClientError, UnavailableError
            It is too large, did not arrive, or could not be kept.
        """
        host = self._hosts[revision.provider]
        listing = await host.client.list_files(revision)
        if not listing.files:
            raise VersionNotFoundError(url=revision.repository, ref=revision.commit, reason="it has no files")
        await asyncio.to_thread(workplace.mkdir, mode=0o700)
        try:
            download = Download(
                upstream=host.upstream, limits=self._limits, of=revision.repository, directory=workplace
            )
            places = await download.fetch(listing)
            await host.client.check(revision)
            await self._unpack(revision, listing, places, mirror=mirror, ref=ref, workplace=workplace)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise RecordNotKeptError(url=revision.repository, reason="the disk is full") from error
        finally:
            await asyncio.to_thread(shutil.rmtree, workplace, ignore_errors=True)

    async def _unpack(
        self, revision: Revision, listing: Listing, places: list[Path], *, mirror: Path, ref: str, workplace: Path
    ) -> None:
        job = Job(
            mirror=str(mirror),
            ref=ref,
            message=f"{revision.provider} {revision.commit}",
            files=[(file.path, str(place)) for file, place in zip(listing.files, places, strict=True)],
            inside=listing.inside,
            most_bytes=self._limits.size,
            most_files=self._limits.files,
        )
        path = workplace / "job.json"
        await asyncio.to_thread(path.write_text, json.dumps(job))
        deadline = self._limits.deadline
        try:
            ended = await run_program([*_PROGRAM, str(path)], environment=_ENVIRONMENT, deadline=deadline)
        except TimeoutError as error:
            raise UpstreamTimeoutError(host="unpacking", seconds=deadline.total_seconds()) from error
        if ended.status == REFUSED:
            refusal = json.loads(ended.output)
            raise self._build_refusal(revision, **refusal)
        if ended.status:
            lines = ended.errors.strip().splitlines() or ["git ended without a word"]
            said = next((line for line in lines if line.startswith("fatal: ")), lines[-1])
            raise RecordNotKeptError(url=revision.repository, reason=said.removeprefix("fatal: ")[:300])

    def _build_refusal(self, revision: Revision, *, kind: str, file: str, reason: str) -> Exception:
        if kind == "files":
            return RepositoryTooLargeError(url=revision.repository, limit=f"{self._limits.files} files")
        if kind == "size":
            return RepositoryTooLargeError(url=revision.repository, limit=format_size(self._limits.size))
        return ArchiveRefusedError(file=file, reason=reason)
