"""What the builder refuses, and what it cannot do because of the world outside."""

from collections.abc import Sequence
from datetime import datetime

from heliostat_core.contracts.model import ErrorView
from heliostat_core.errors import ClientError, ConflictError, HeliostatError, UnavailableError
from typing_extensions import override


class BadRepositoryError(ClientError):
    """What was written does not name a repository."""

    code = "bad_repository"
    status = 422

    def __init__(self, *, written: str, reason: str, remedy: str | None = None) -> None:
        super().__init__(
            f"{written[:200]!r} does not name a repository: {reason}",
            field="repo",
            remedy=remedy or "Write owner/name, or the https:// address of a git repository.",
        )


class BadSpecError(ClientError):
    """A BinderHub spec that is not of its provider's form; the words for ``gh`` are BinderHub's own."""

    code = "bad_spec"
    status = 422

    def __init__(self, *, spec: str, form: str, suggestion: str | None = None) -> None:
        meant = f' Did you mean "{suggestion}"?' if suggestion else ""
        super().__init__(
            f'Spec is not of the form "{form}", provided: "{spec[:200]}".{meant}',
            field="repo",
            remedy=f"Write {suggestion}." if suggestion else f"Write {form}.",
            details={"form": form, "suggestion": suggestion},
        )


class RetentionRunningError(ConflictError):
    """One process collects at a time."""

    code = "retention_running"

    def __init__(self) -> None:
        super().__init__("A collection is under way", remedy="Try again in half a minute; see what it removed then.")


class UnsupportedSchemeError(ClientError):
    """Repositories are reached over http and https only."""

    code = "unsupported_scheme"
    status = 422

    def __init__(self, *, scheme: str, remedy: str) -> None:
        super().__init__(
            f"Repositories cannot be fetched over {scheme}; http and https can", field="repo", remedy=remedy
        )


class CredentialsInUrlError(ClientError):
    """The address holds a user name or password. It is not repeated here, and nowhere else."""

    code = "credentials_in_url"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            "The repository's address contains credentials, which would end up in logs and links",
            field="repo",
            remedy="Leave out the part before the @; only public repositories can be built.",
        )


class UnknownProviderError(ClientError):
    """No provider has this prefix."""

    code = "unknown_provider"
    status = 422

    def __init__(self, *, provider: str, known: Sequence[str]) -> None:
        super().__init__(
            f"There is no repository provider {provider[:20]!r}", field="provider", remedy=f"Use {', '.join(known)}."
        )


class BadRefError(ClientError):
    """The ref cannot be the name of anything in git."""

    code = "bad_ref"
    status = 422

    def __init__(self, *, ref: str, reason: str) -> None:
        super().__init__(
            f"{ref[:200]!r} cannot be a branch, tag or commit: {reason}",
            field="ref",
            remedy="Give a branch, a tag, a commit's SHA, or nothing for the default branch.",
        )


class RepositoryNotFoundError(ClientError):
    """Nothing is there, or it is private."""

    code = "repository_not_found"
    status = 404

    def __init__(self, *, url: str) -> None:
        super().__init__(
            f"There is no public repository at {url}",
            field="repo",
            remedy="Check the spelling, and that it can be read without signing in.",
        )


class RepositoryPrivateError(ClientError):
    """It is there, and not for everybody."""

    code = "repository_private"
    status = 403

    def __init__(self, *, url: str, reason: str = "it cannot be read without signing in") -> None:
        super().__init__(f"{url} is not public: {reason}", field="repo", remedy="Publish it, or use another one.")


class SecretGistError(ClientError):
    """The gist is secret, and secret gists are not built here."""

    code = "secret_gist"
    status = 403

    def __init__(self, *, url: str) -> None:
        super().__init__(
            f"The gist at {url} is secret, and secret gists are not built here",
            field="repo",
            remedy="Use a public gist, or ask the operator to set HELIOSTAT_BUILDER_ALLOW_SECRET_GISTS.",
        )


class RepositoryMovedError(ClientError):
    """The server redirects; a redirect may lead anywhere, so it is not followed."""

    code = "repository_moved"
    status = 404

    def __init__(self, *, url: str) -> None:
        super().__init__(
            f"The repository at {url} has moved", field="repo", remedy="Open it in a browser and use its new address."
        )


class PlainFilesError(ClientError):
    """The server hands out a repository's files and does not speak git's protocol ("dumb" HTTP)."""

    code = "repository_plain_files"
    status = 422

    def __init__(self, *, url: str) -> None:
        super().__init__(
            f"The repository at {url} is served as plain files, from which single commits cannot be fetched",
            field="repo",
            remedy="Serve it with git's own protocol (git http-backend, or any forge).",
        )


class RefNotFoundError(ClientError):
    """The repository has no such branch, tag or commit."""

    code = "ref_not_found"
    status = 404

    def __init__(self, *, url: str, ref: str, similar: Sequence[str] = ()) -> None:
        remedy = f"Did you mean {' or '.join(similar)}?" if similar else "Use one of its branches, tags or commits."
        super().__init__(
            f"{url} has no branch, tag or commit {ref!r}",
            field="ref",
            remedy=remedy,
            details={"similar": list(similar)},
        )


class VersionNotFoundError(ClientError):
    """The record has no such version, or not any more."""

    code = "ref_not_found"
    status = 404

    def __init__(self, *, url: str, ref: str, reason: str) -> None:
        super().__init__(
            f"The version {ref!r} of {url} cannot be had: {reason}",
            field="ref",
            remedy="Leave the ref out for the newest version.",
        )


class ArchiveRefusedError(ClientError):
    """A record's archive, or the name of one of its files, would do harm or cannot be read."""

    code = "archive_refused"
    status = 422

    def __init__(self, *, file: str, reason: str) -> None:
        shown = repr(file[:200])  # names in archives need not be text: neither JSON nor the database takes all of them
        super().__init__(
            f"{shown} cannot be unpacked: {reason}",
            field="repo",
            remedy="The record's author has to upload it again without that.",
            details={"file": shown[1:-1]},
        )


class AddressRefusedError(ClientError):
    """The host is, or resolves to, an address inside a private network."""

    code = "address_refused"
    status = 403

    def __init__(self, *, host: str) -> None:
        super().__init__(
            f"{host} is at a private address, where repositories are not fetched from",
            field="repo",
            remedy="Use a public repository, or ask the operator to add its network to ALLOWED_PRIVATE_NETWORKS.",
        )


class UnsupportedConfigurationError(ClientError):
    """A file of the repository asks for something this runtime cannot do."""

    code = "unsupported_configuration"
    status = 422

    def __init__(self, *, file: str, reason: str, runtime: str | None = None, remedy: str | None = None) -> None:
        other = f"The {runtime} runtime can build it." if runtime else "Change the file."
        super().__init__(
            f"{file}: {reason}", field="repo", remedy=remedy or other, details={"file": file, "runtime": runtime}
        )


class RequirementNotUnderstoodError(UnsupportedConfigurationError):
    """A line of a requirements file that pip may understand, and this builder does not."""


class PlanRefusedError(ClientError):
    """A refusal remembered from when the commit was first looked at; shown as it was then."""

    @override
    def __init__(self, view: ErrorView) -> None:
        super().__init__(view.message, field=view.field, remedy=view.remedy, details=view.details)
        self.code = view.code  # type: ignore[misc]  # the remembered error's, not the class's
        self.status = 422  # type: ignore[misc]  # the remembered error's, not the class's


class BuildNotAllowedError(ClientError):
    """The policy in force does not let this user build this repository."""

    code = "build_not_allowed"
    status = 403

    def __init__(self, *, message: str, remedy: str | None, rule: str | None, policy_version: int) -> None:
        super().__init__(message, field="repo", remedy=remedy, details={"rule": rule, "policy_version": policy_version})


class BuildSharedError(ConflictError):
    """Others wait for the build too."""

    code = "build_shared"

    def __init__(self) -> None:
        super().__init__(
            "Others wait for this build too, so it is not cancelled for one of them",
            remedy="Leave it; it ends by itself. An administrator can cancel it.",
        )


class BuildEndedError(ConflictError):
    """There is nothing left to cancel."""

    code = "build_ended"

    def __init__(self, *, state: str) -> None:
        super().__init__(f"The build has already {state}", remedy="Request another build.", details={"state": state})


class UpstreamError(UnavailableError):
    """The repository's host did not answer as it should."""

    code = "upstream_unreachable"

    def __init__(self, *, host: str, reason: str) -> None:
        super().__init__(f"{host} did not answer as it should: {reason}", field="repo", remedy="Try again in a moment.")


class UpstreamTimeoutError(UnavailableError):
    """The repository's host took too long."""

    code = "upstream_timeout"
    status = 504

    def __init__(self, *, host: str, seconds: float) -> None:
        super().__init__(f"{host} did not finish within {seconds:g} s", field="repo", remedy="Try again in a moment.")


class RateLimitedError(UnavailableError):
    """The host's API does not answer us for a while."""

    code = "rate_limited"

    def __init__(self, *, host: str, reset: datetime | None) -> None:
        when = f"after {reset:%H:%M} UTC" if reset else "in a few minutes"
        super().__init__(
            f"{host} has had too many requests from here",
            field="repo",
            remedy=f"Try again {when}.",
            details={"reset_at": reset.isoformat() if reset else None},
        )


class RepositoryTooLargeError(ClientError):
    """The commit is larger than the operator allows."""

    code = "repository_too_large"
    status = 422

    def __init__(self, *, url: str, limit: str) -> None:
        super().__init__(
            f"Fetching {url} exceeds the limit of {limit}",
            field="repo",
            remedy="Keep large data elsewhere and download it when it is needed.",
            details={"limit": limit},
        )


class RecordNotKeptError(UnavailableError):
    """The files arrived, and this host could not keep them."""

    code = "record_not_kept"

    def __init__(self, *, url: str, reason: str) -> None:
        super().__init__(
            f"The files of {url} could not be kept: {reason}",
            field="repo",
            remedy="Try again later; the operator may have to make room on the builder's disk.",
        )


class BuildFailedError(HeliostatError):
    """The build cannot succeed; the code names the phase that failed."""

    def __init__(self, *, code: str, message: str, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code  # type: ignore[misc]  # one class, one code per phase


class EngineAwayError(UnavailableError):
    """The container engine does not answer."""

    code = "engine_unavailable"

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason, remedy="Try again in a moment; if it stays, tell the operator.")


class ImageStoreError(UnavailableError):
    """The engine or the registry answers, and does not say what is there."""

    code = "image_store_unusable"

    def __init__(self, *, message: str, remedy: str | None) -> None:
        super().__init__(message, remedy=remedy)


class BaseImageError(UnavailableError):
    """What images are made on is missing or is something else."""

    code = "base_image_unusable"

    def __init__(self, *, name: str, reason: str) -> None:
        super().__init__(
            f"Images are made on {name}, and {reason}",
            remedy="The operator has to build it (deploy/images/build lab) or set BASE_IMAGE.",
        )
