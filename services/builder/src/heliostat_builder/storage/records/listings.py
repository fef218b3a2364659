"""What all clients of records have in common."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from ...domain.providers import Revision
from ...errors import UpstreamError
from ..forges import ForgeClient

_CHECKSUM = re.compile(r"(?:(md5|sha-?1|sha-?256|sha-?512):)?([0-9a-f]+)")
_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a version.

    Attributes
    ----------
    path
        Where it belongs, as its host says it.
    size
        Bytes, where its host says it.
    checksum
        Of its bytes in hexadecimal digits, which by their number tell the algorithm; None where its host gives none.
    """

    path: str
    url: str
    size: int | None = None
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a version; ``inside`` is the only folder that counts when the one file is an archive."""

    files: tuple[RemoteFile, ...]
    inside: str | None = None


class RecordClient(ForgeClient, Protocol):
    """Asks the API of one provider of records."""

    async def list_files(self, revision: Revision) -> Listing:
        """List the files of exactly this version.

        Raises
        ------
        VersionNotFoundError
            The host does not have it, or not any more.
        ClientError, UnavailableError
            It is private, or not had.
        """

    async def check(self, revision: Revision) -> None:
        """Make sure, after the files were fetched, that they are this version's; for hosts that keep the newest only.

        Raises
        ------
        VersionNotFoundError
            It was changed meanwhile.
        """


def read_checksum(text: str | None) -> str | None:
    """Read a checksum as ``md5:…`` or bare; None where it is none that can be verified."""
    match = _CHECKSUM.fullmatch((text or "").strip().lower())
    return match[2] if match and len(match[2]) in _ALGORITHMS else None


def name_algorithm(checksum: str) -> str:
    """Name the algorithm of a checksum that `read_checksum` gave."""
    return _ALGORITHMS[len(checksum)]


def build_time_version(name: str, time: str, *, host: str) -> str:
    """Build the version of something that has a time of its last change: whole seconds, read as UTC.

    Raises
    ------
    UpstreamError
        The text is no time.
    """
    try:
        changed = datetime.strptime(time.partition(".")[0].rstrip("Z"), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise UpstreamError(host=host, reason="the time of the last change cannot be read") from error
    return f"{name}.v{int(changed.timestamp())}"
