"""Where Heliostat is and who calls: from options, the environment, or the file that `make up` writes."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import BadArgumentError, NoServerKnownError, NotSignedInError


@dataclass(frozen=True, slots=True)
class Connection:
    """The hub's public URL without a slash at its end, and a token that is never shown."""

    url: str
    token: str = field(repr=False)

    @property
    def loopback(self) -> bool:
        """Whether this leads to the machine itself, where no proxy of the environment has a place."""
        return is_loopback(self.url)


class _Credentials(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    url: str
    api_token: str


def read_connection(*, url: str | None, token: str | None, credentials: Path, chosen: bool) -> Connection:
    """Decide on address and token.

    The file's token goes to the file's address only. A token that was given goes to an address out of a file that was
    merely found (not ``chosen``) only on this machine: a file that lies in some folder must not collect tokens.

    Raises
    ------
    NoServerKnownError, NotSignedInError, BadArgumentError
        One of them is missing, or not well-formed.
    """
    known = _read_credentials(credentials, needed=chosen and not (url and token))
    known_url = _check_url(known.url, where=str(credentials)) if known else None
    if url:
        url = _check_url(url, where="--url")
    elif known_url and (not token or chosen or is_loopback(known_url)):
        url = known_url
    else:
        raise NoServerKnownError(credentials=str(credentials))
    if not token and known and url == known_url:
        token = known.api_token
    if not token:
        raise NotSignedInError(url=url)
    return Connection(url=url, token=_check_token(token))


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine, as far as its name says so."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _read_credentials(path: Path, *, needed: bool) -> _Credentials | None:
    try:
        return _Credentials.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        if not needed:
            return None
        raise BadArgumentError(
            f"There is no file {path}",
            field="--credentials",
            remedy="Name the credentials.json of the state directory.",
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
    except ValidationError:
        reason = "it is not JSON with url and api_token"
    raise BadArgumentError(
        f"{path} cannot be used: {reason}",
        field="--credentials",
        remedy="Give --credentials another file, or --url and --token.",
    )


def _check_url(url: str, *, where: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise BadArgumentError(
            "The address has to be like https://hub.example.org, without user, query or fragment",
            field=where,
            remedy="Give the address of the hub as a browser shows it, without /hub.",
        )
    return parts.geturl().rstrip("/")


def _check_token(token: str) -> str:
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise BadArgumentError(
            "The token holds characters that no token has",
            field="--token",
            remedy="Copy it again from the hub's Token page.",
        )
    return token
