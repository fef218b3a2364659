"""What the sessions service refuses or fails with."""

from datetime import datetime, timedelta
from uuid import UUID

from heliostat_core.contracts.model import ErrorView
from heliostat_core.contracts.policy import refusal_status
from heliostat_core.errors import ClientError, ConflictError, HeliostatError, UnavailableError


class ServerNameInvalidError(ClientError):
    """The hub does not take this as a server's name."""

    code = "server_name_invalid"
    status = 422

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"{name!r} is not a server name",
            field="server_name",
            remedy="Use lower-case letters, digits and single hyphens, beginning with a letter.",
        )


class PathOutsideError(ClientError):
    """The path to open leads out of the server."""

    code = "path_outside"
    status = 422

    def __init__(self, *, path: str, field: str = "path") -> None:
        super().__init__(
            f"{path!r} does not name a file or folder of the repository",
            field=field,
            remedy="Give a path relative to the repository's root, without '..', '//' or a scheme.",
        )


class UrlPathOutsideError(ClientError):
    """The URL path to open leads out of the server."""

    code = "urlpath_outside"
    status = 422

    def __init__(self, *, urlpath: str) -> None:
        super().__init__(
            f"{urlpath!r} does not name a page of the server",
            field="urlpath",
            remedy="Give a path such as 'lab/tree/intro.ipynb', without a host, '..' or backslashes.",
        )


class OpeningAmbiguousError(ClientError):
    """A path and a URL path were given, and only one page can be opened."""

    code = "opening_ambiguous"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            "Both a path and a URL path were given", field="urlpath", remedy="Give the one that is to be opened."
        )


class IdempotencyKeyReusedError(ConflictError):
    """The same key came with another body."""

    code = "idempotency_key_reused"

    def __init__(self, *, launch_id: UUID) -> None:
        super().__init__(
            "This Idempotency-Key was used for another request",
            field="Idempotency-Key",
            remedy="Use a new key for a new request.",
            details={"launch_id": str(launch_id)},
        )


class IdempotencyKeyInvalidError(ClientError):
    """The key is too long or empty."""

    code = "idempotency_key_invalid"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            "An Idempotency-Key has 1 to 255 printable ASCII characters",
            field="Idempotency-Key",
            remedy="Use a random one, such as a UUID.",
        )


class LaunchFinishedError(ConflictError):
    """The launch is over."""

    code = "launch_finished"

    def __init__(self, *, state: str) -> None:
        super().__init__(f"This launch is {state} and cannot be cancelled", remedy="Stop or delete its server instead.")


class SessionExistsError(ConflictError):
    """The user has a server of that name."""

    code = "session_exists"

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"You have a server {name!r} already" if name else "You have a default server already",
            field="name",
            remedy="Start that one, or choose another name.",
        )


class SessionBusyError(ConflictError):
    """The server is in the middle of something."""

    code = "session_busy"

    def __init__(self, *, name: str, doing: str) -> None:
        super().__init__(f"Server {name!r} is {doing}", remedy="Try again when that is done.")


class AdmissionRefusedError(ClientError):
    """Policy does not allow it; rule, limit and current value are in the details."""

    code = "refused_by_policy"

    def __init__(self, *, view: ErrorView) -> None:
        super().__init__(view.message, field=view.field, remedy=view.remedy, details=view.details)
        self.code = view.code  # type: ignore[misc]  # the rule, not the class's
        self.status = refusal_status(view.details["rule"])  # type: ignore[misc]  # the rule's, not the class's
        self.view = view


class HubRefusedError(ClientError):
    """The hub does not do this; the message is its own."""

    code = "hub_refused"
    status = 409

    def __init__(self, *, status: int, message: str) -> None:
        super().__init__(
            f"JupyterHub refused: {message}", remedy="See the hub's message.", details={"hub_status": status}
        )
        self.hub_status = status


class HubBusyError(UnavailableError):
    """The hub has too many starts at once, or this server is in between two states."""

    code = "hub_busy"

    def __init__(self) -> None:
        super().__init__("JupyterHub is busy with other servers", remedy="Try again in a moment.")


class SpawnFailedError(HeliostatError):
    """The server did not come up; the message is the hub's."""

    code = "spawn_failed"
    status = 502

    def __init__(self, *, message: str) -> None:
        super().__init__(
            message or "The server did not start", remedy="Launch it again; if it fails again, tell an administrator."
        )


class ServerNameTakenError(ConflictError):
    """Another server of this user got the name first."""

    code = "server_name_taken"

    def __init__(self) -> None:
        super().__init__("Another server took this name a moment ago", field="server_name", remedy="Try again.")


class CsrfError(ClientError):
    """A request that changes something came with a cookie and without its token."""

    code = "csrf_token_missing"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            "This request carries no valid X-Heliostat-CSRF token",
            remedy="Reload the page, or authenticate with an Authorization header.",
        )


class LoginFailedError(ClientError):
    """The sign-in at the hub did not come back as it left."""

    code = "login_failed"
    status = 400

    def __init__(self) -> None:
        super().__init__("The sign-in could not be completed", remedy="Open the page again to sign in anew.")


def build_error_view(error: HeliostatError) -> ErrorView:
    """Describe an error as events and answers carry it."""
    return ErrorView(
        code=error.code, message=error.message, field=error.field, remedy=error.remedy, details=error.details
    )


def is_transient(error: HeliostatError) -> bool:
    """Whether the same may pass a moment later."""
    return isinstance(error, UnavailableError) or error.status in {429, 502, 503, 504}


class BuildUnsuccessfulError(ClientError):
    """The build did not succeed; code and text are the builder's."""

    code = "build_failed"
    status = 422

    def __init__(self, view: ErrorView | None = None) -> None:
        failure = view or ErrorView(code="build_cancelled", message="The build was cancelled", remedy="Launch again.")
        super().__init__(failure.message, field=failure.field, remedy=failure.remedy, details=failure.details)
        self.code = failure.code  # type: ignore[misc]  # the builder's, not the class's


class LaunchDeadlineError(HeliostatError):
    """The launch took too long."""

    code = "launch_deadline"
    status = 504

    def __init__(self, *, deadline: timedelta) -> None:
        super().__init__(f"The launch was not ready after {deadline}", remedy="Launch again.")


class UserUnknownError(ClientError):
    """The hub does not know the user."""

    code = "user_unknown"
    status = 404

    def __init__(self, *, user: str) -> None:
        super().__init__(f"JupyterHub does not know the user {user!r}", remedy="Sign in to JupyterHub once.")


class EventKindUnknownError(ClientError):
    """There is no such kind of event."""

    code = "event_kind_unknown"
    status = 422

    def __init__(self, *, kind: str) -> None:
        super().__init__(
            f"{kind!r} is not a kind of event, nor the beginning of one",
            field="kind",
            remedy="Use one such as 'launch', 'launch.ready' or 'decision.made.v1'; docs/events.md lists them.",
        )


class GuestUnknownError(ClientError):
    """The hub knows no such user or group."""

    code = "guest_unknown"
    status = 422

    def __init__(self, *, kind: str, name: str) -> None:
        super().__init__(
            f"JupyterHub knows no {kind} {name!r}",
            field=kind,
            remedy="Check the name; a user has to have signed in once." if kind == "user" else "Check the name.",
        )


class GuestIsOwnerError(ClientError):
    """A server was to be shared with its owner."""

    code = "guest_is_owner"
    status = 422

    def __init__(self) -> None:
        super().__init__("This is your own server", field="user", remedy="Name somebody else.")


class ShareScopeMissingError(ClientError):
    """The caller's token does not hold the hub's scopes for sharing."""

    code = "share_scope_missing"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            "This token may not change who has access to your servers",
            remedy="Use one with the scopes 'shares!user', 'read:users:name' and 'read:groups:name', such as one from "
            "the hub's Token page without chosen scopes; in a browser, sign out and in again.",
        )


class BinderLinkInvalidError(ClientError):
    """A link in BinderHub's form names no provider and repository."""

    code = "binder_link_invalid"
    status = 404

    def __init__(self, *, link: str) -> None:
        super().__init__(
            f"{link!r} is not of the form <provider>/<repository>/<ref>",
            field="spec",
            remedy="Use a link such as v2/gh/owner/name/HEAD; the launch page makes one for any repository.",
        )


class BuildTokenInvalidError(ClientError):
    """The build token is expired, forged, or for another link, page or user."""

    code = "build_token_invalid"
    status = 403

    def __init__(self) -> None:
        super().__init__("Invalid build token", field="build_token", remedy="Reload the page to get a new one.")


class BuildOnlyNotAllowedError(ClientError):
    """Builds without a launch are switched off."""

    code = "build_only_not_allowed"
    status = 400

    def __init__(self) -> None:
        super().__init__(
            "Building but not launching is not permitted here",
            field="build_only",
            remedy="Launch the repository instead.",
        )


class RateLimitError(ClientError):
    """Too many launches in too short a time."""

    code = "rate_limit"
    status = 429

    def __init__(self, *, limit: int, period: timedelta, ends_at: datetime, retry_after: int) -> None:
        super().__init__(
            f"Rate limit exceeded: {limit} launches in {period}",
            remedy=f"Try again in {retry_after} seconds.",
            details={"limit": limit, "period": period.total_seconds(), "retry_after": retry_after},
        )
        self.limit = limit
        self.ends_at = ends_at
        self.retry_after = retry_after


class InternalError(HeliostatError):
    """A bug, of which a stream that has begun already can say no more than this."""

    code = "internal_error"

    def __init__(self) -> None:
        super().__init__("Internal Server Error")


class TemporaryUserLimitError(ClientError):
    """As many anonymous launches run as may."""

    code = "temporary_users"
    status = 429

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"Too many users: {limit} anonymous servers may run at a time",
            remedy="Try again soon, or sign in.",
            details={"limit": limit, "current": limit},
        )
