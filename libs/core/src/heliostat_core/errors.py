"""The two families of errors, and the one JSON shape in which a caller sees them.

HeliostatError
├── ClientError         what the caller can mend: rendered as it is
└── UnavailableError    what the world did wrong: rendered with a 5xx and what to do

Anything else that reaches the edge is a bug: a 500 with the request id and nothing of the inside.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override


class HeliostatError(Exception):
    """An error with a code, a status and, where there is one, a field and a remedy.

    Parameters
    ----------
    message
        One sentence saying what is wrong.
    field
        Path of the request field at fault, such as ``server_name``.
    remedy
        What would make the request pass.
    details
        Facts behind the message (rule, limit, current value); plain JSON values.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        remedy: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.remedy = remedy
        self.details = dict(details or {})

    @override
    def __str__(self) -> str:
        return self.message


class ClientError(HeliostatError):
    """The request cannot be served as it was made."""

    code = "bad_request"
    status = 400


class UnavailableError(HeliostatError):
    """Something this service depends on did not answer, or not as agreed."""

    code = "unavailable"
    status = 503


class NotFoundError(ClientError):
    """There is no such thing, or it is not the caller's to see."""

    code = "not_found"
    status = 404

    def __init__(self, *, what: str, key: str) -> None:
        super().__init__(
            f"There is no {what} {key!r} that you can see", remedy="Check its id; the list has what you can see."
        )


class UnauthenticatedError(ClientError):
    """No token, or one that the hub does not know."""

    code = "unauthenticated"
    status = 401

    def __init__(self) -> None:
        super().__init__(
            "This request carries no valid token",
            remedy="Send 'Authorization: Bearer <JupyterHub token>'; the hub's Token page makes one.",
        )


class ForbiddenError(ClientError):
    """The caller is known but lacks a scope."""

    code = "forbidden"
    status = 403

    def __init__(self, *, scope: str) -> None:
        super().__init__(
            f"This needs the scope {scope!r}", remedy="Use a token that holds it, or ask an administrator."
        )


class ConflictError(ClientError):
    """The state of the thing does not allow this now."""

    code = "conflict"
    status = 409
