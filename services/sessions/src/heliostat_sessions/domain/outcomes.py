"""How launches end, for the metrics: whose fault it was when they did not succeed."""

from enum import StrEnum

from heliostat_core.errors import HeliostatError

from ..errors import AdmissionRefusedError

_SERVER_ERROR = 500


class Outcome(StrEnum):
    """The end of a launch.

    ``user_error`` is a request or repository that cannot work; ``quota`` a limit of policy or of this instance that was
    met; ``platform`` everything that operators have to look at.
    """

    SUCCESS = "success"
    USER_ERROR = "user_error"
    QUOTA = "quota"
    PLATFORM = "platform"
    CANCELLED = "cancelled"


OUTCOMES: dict[str, Outcome] = {
    **dict.fromkeys(
        (
            # the request
            "bad_event_id",
            "bad_request",
            "binder_link_invalid",
            "build_only_not_allowed",
            "build_ended",
            "build_shared",
            "build_token_invalid",
            "conflict",
            "csrf_token_missing",
            "event_kind_unknown",
            "forbidden",
            "guest_is_owner",
            "guest_unknown",
            "idempotency_key_invalid",
            "idempotency_key_reused",
            "launch_finished",
            "login_failed",
            "not_found",
            "opening_ambiguous",
            "path_outside",
            "server_being_deleted",
            "server_has_other_repository",
            "server_name_invalid",
            "server_name_taken",
            "server_runs_other_commit",
            "session_busy",
            "session_exists",
            "share_scope_missing",
            "unauthenticated",
            "urlpath_outside",
            "user_unknown",
            # the repository
            "address_refused",
            "archive_refused",
            "bad_ref",
            "bad_repository",
            "bad_spec",
            "base_image_missing",
            "build_failed",
            "build_silent",
            "credentials_in_url",
            "install_failed",
            "postbuild_failed",
            "ref_not_found",
            "repository_moved",
            "repository_not_found",
            "repository_plain_files",
            "repository_private",
            "secret_gist",
            "solve_failed",
            "unknown_provider",
            "unsupported_configuration",
            "unsupported_scheme",
        ),
        Outcome.USER_ERROR,
    ),
    **dict.fromkeys(
        (
            "build_not_allowed",
            "deadline_exceeded",
            "out_of_memory",
            "rate_limit",
            "refused_by_policy",
            "repository_too_large",
            "temporary_users",
        ),
        Outcome.QUOTA,
    ),
    **dict.fromkeys(
        (
            "base_image_unusable",
            "build_killed",
            "builder_lost",
            "checkout_failed",
            "container_exists",
            "container_missing",
            "database_unavailable",
            "engine_refused",
            "engine_unavailable",
            "environment_damaged",
            "error",
            "grant_invalid",
            "host_unavailable",
            "hub_busy",
            "hub_refused",
            "hub_unavailable",
            "image_busy",
            "image_mismatch",
            "image_missing",
            "image_store_unusable",
            "internal_error",
            "item_busy",
            "launch_deadline",
            "lease_lost",
            "no_interpreter",
            "no_uv",
            "out_of_disk",
            "push_failed",
            "rate_limited",
            "record_not_kept",
            "retention_running",
            "schema_outdated",
            "service_unavailable",
            "spawn_failed",
            "stream_conflict",
            "unavailable",
            "upstream_timeout",
            "upstream_unreachable",
        ),
        Outcome.PLATFORM,
    ),
    "build_cancelled": Outcome.CANCELLED,
}
"""Every code of an error with which a request or a launch can end, the builder's included, and whose concern it is."""


def classify(error: HeliostatError) -> Outcome:
    """Say how a launch ended that ended with this error; by its status where a newer service names a new code."""
    if isinstance(error, AdmissionRefusedError):  # its code is the rule's
        return Outcome.QUOTA
    known = OUTCOMES.get(error.code)
    if known is None:
        return Outcome.PLATFORM if error.status >= _SERVER_ERROR else Outcome.USER_ERROR
    return known
