"""Grants: what sessions lets one server start with, signed, so that the hub's plugin trusts nothing else.

A grant travels through JupyterHub as a user option, which any holder of a token can write. It is compact text,
``base64url(json).base64url(hmac-sha256 of the json)``; the key is shared by sessions and the plugin.
"""

import base64
import binascii
import hmac
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import AwareDatetime, Field, SecretStr, ValidationError

from .contracts.model import WireModel
from .errors import ClientError

GRANT_LIFETIME = timedelta(hours=1)
"""How long after its signing a grant may be accepted for the first time: a start follows its launch at once."""

_CLOCK_SKEW = timedelta(minutes=1)
_LONGEST = 32_768  # characters; a grant with the longest names allowed, all of four-byte characters, has about 23,000
_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_IMAGE = r"^(?:[A-Za-z0-9][A-Za-z0-9._:/-]{0,399}@)?sha256:[0-9a-f]{64}$"


class GrantInvalidError(ClientError):
    """The text is no grant, was altered, is too old, or is for another server."""

    code = "grant_invalid"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The grant is not valid: {reason}", remedy="Launch the repository again.")


class Grant(WireModel):
    """What a server may start with: one environment and one commit's files, for one server of one user."""

    user: str = Field(max_length=255)
    server_name: str = Field(max_length=255, description="empty for the default server")
    session_id: UUID
    launch_id: UUID | None
    environment_id: str = Field(pattern=_ID)
    content_id: str | None = Field(pattern=_ID)
    image: str | None = Field(
        default=None, pattern=_IMAGE, description="digest of the commit's image, where servers are started from images"
    )
    repo: str = Field(max_length=2000)
    commit: str = Field(max_length=64)
    path: str | None = Field(max_length=1000, description="what JupyterLab opens, relative to the home")
    spec: str | None = Field(default=None, max_length=2100, description="<provider>/<spec> of the commit in links")
    ref_url: str | None = Field(default=None, max_length=2100, description="a page that shows the commit")
    temporary: bool = Field(default=False, description="its user has no sign-in: a token may stand in a URL")
    origins: list[str] = Field(default=[], max_length=20, description="whose pages may use it with a token")
    issued_at: AwareDatetime


def sign_grant(grant: Grant, *, key: SecretStr) -> str:
    """Write a grant as signed text."""
    payload = grant.model_dump_json().encode()
    return f"{_encode(payload)}.{_encode(_digest(payload, key))}"


def read_grant(text: str, *, key: SecretStr) -> Grant:
    """Read a grant whose signature holds, whatever its age and whoever it is for.

    Raises
    ------
    GrantInvalidError
        The text is no grant of this key.
    """
    if len(text) > _LONGEST:
        raise GrantInvalidError(reason="it is too long")
    encoded, _, signature = text.partition(".")
    payload = _decode(encoded)
    if not hmac.compare_digest(_digest(payload, key), _decode(signature)):
        raise GrantInvalidError(reason="its signature does not match")
    try:
        return Grant.model_validate_json(payload)
    except ValidationError as error:
        raise GrantInvalidError(reason="it does not have the expected fields") from error


def verify_grant(text: str, *, key: SecretStr, user: str, server_name: str, now: datetime) -> Grant:
    """Read a grant that may be accepted now for this server.

    Raises
    ------
    GrantInvalidError
        It was not signed with this key, is for another server, or is too old.
    """
    grant = read_grant(text, key=key)
    if (grant.user, grant.server_name) != (user, server_name):
        raise GrantInvalidError(reason="it is for another server")
    if not -_CLOCK_SKEW <= now - grant.issued_at <= GRANT_LIFETIME:
        raise GrantInvalidError(reason=f"it was issued at {grant.issued_at.isoformat()}")
    return grant


def _digest(payload: bytes, key: SecretStr) -> bytes:
    return hmac.digest(key.get_secret_value().encode(), payload, "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError) as error:
        raise GrantInvalidError(reason="it is not base64url text") from error
