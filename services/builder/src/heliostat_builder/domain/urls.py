"""Addresses of repositories as people write them, made canonical."""

import re
from urllib.parse import unquote, urlsplit

from ..errors import BadRepositoryError, CredentialsInUrlError, UnsupportedSchemeError

_SCP = re.compile(r"(?:[\w.+-]+@)?[\w.-]+:(?!//)[^\s]*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(?:://|::)")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,252})|\[[0-9a-f:.]+\]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_address(text: str) -> bool:
    """Whether it is written as an address, of any scheme, and not as ``owner/name``."""
    return _SCHEME.match(text) is not None or _SCP.fullmatch(text) is not None


def normalise_url(text: str) -> str:
    """Check an http(s) address and write it in one way: lower-case host, no default port, no slash at the end.

    Raises
    ------
    UnsupportedSchemeError
        ssh in either form, git, file, and all other schemes.
    CredentialsInUrlError
        It holds a user name.
    BadRepositoryError
        It is no address, or has a query, a fragment, or path parts that lead elsewhere.
    """
    if any(ord(character) <= 32 or ord(character) == 127 or character == "\\" for character in text):  # noqa: PLR2004 blanks and controls
        raise BadRepositoryError(written=text, reason="it contains blanks, backslashes or control characters")
    _check_scheme(text)
    parts = urlsplit(text)
    if "@" in parts.netloc:
        raise CredentialsInUrlError
    if parts.query or parts.fragment:
        raise BadRepositoryError(written=text, reason="an address of a repository has no ? and no #")
    return f"{parts.scheme}://{_normalise_authority(text)}{_normalise_path(text, parts.path)}"


def _check_scheme(text: str) -> None:
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else ""
    if scheme in _DEFAULT_PORTS and "::" not in text[: len(scheme) + 2]:
        return
    if match is None and _SCP.fullmatch(text):
        host, _, path = text.rpartition("@")[2].partition(":")
        raise UnsupportedSchemeError(scheme="ssh", remedy=f"Write https://{host}/{path}")
    if match is None:
        raise BadRepositoryError(written=text, reason="it is neither owner/name nor an address")
    raise UnsupportedSchemeError(scheme=scheme, remedy="Use the repository's https:// address.")


def _normalise_authority(text: str) -> str:
    parts = urlsplit(text)
    try:
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError) as error:
        raise BadRepositoryError(written=text, reason="its host or port is not valid") from error
    host = f"[{host}]" if ":" in host else host.rstrip(".")
    if not _HOST.fullmatch(host):
        raise BadRepositoryError(written=text, reason="its host is not valid")
    return host if port in {None, _DEFAULT_PORTS[parts.scheme]} else f"{host}:{port}"


def _normalise_path(text: str, path: str) -> str:
    segments = path.strip("/").split("/")
    if any(unquote(segment) in {"", ".", ".."} or "%00" in segment for segment in segments):
        raise BadRepositoryError(written=text, reason="its path is empty or has empty or relative parts")
    return "/" + "/".join(segments)
