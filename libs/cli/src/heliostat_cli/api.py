"""What the services offer, one method per operation. Errors are those of `HttpClient.request`."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID, uuid4

from heliostat_core.contracts.builds import BuildRequest, BuildView, LogEnd, LogLine, PlanView
from heliostat_core.contracts.launches import LaunchEvent, LaunchRequest, LaunchView
from heliostat_core.contracts.policy import (
    DecisionsView,
    DecisionView,
    EffectivePolicyView,
    PolicyChange,
    PolicyChangeView,
    PolicyVersionsView,
)
from heliostat_core.contracts.retention import RetentionRunRequest, RetentionRunView, ShelfItemView
from heliostat_core.contracts.sessions import SessionRequest, SessionView, SharedServerView, ShareRequest, ShareView
from heliostat_core.contracts.timeline import TimelineView
from pydantic import TypeAdapter

from .backoff import Backoff
from .errors import CommandError, UnreachableError
from .http import HttpClient, Params
from .streams import ResumingStream

Lost = Callable[[CommandError | None], None]

_LAUNCH = TypeAdapter(LaunchView)
_LAUNCH_EVENT = TypeAdapter(LaunchEvent)
_SESSION = TypeAdapter(SessionView)
_SESSION_OR_NONE: TypeAdapter[SessionView | None] = TypeAdapter(SessionView | None)
_SESSIONS = TypeAdapter(list[SessionView])
_BUILD = TypeAdapter(BuildView)
_BUILDS = TypeAdapter(list[BuildView])
_LOG_MESSAGE: TypeAdapter[LogLine | LogEnd] = TypeAdapter(LogLine | LogEnd)
_PLAN = TypeAdapter(PlanView)
_POLICY = TypeAdapter(EffectivePolicyView)
_POLICY_CHANGE = TypeAdapter(PolicyChangeView)
_POLICY_VERSIONS = TypeAdapter(PolicyVersionsView)
_DECISIONS = TypeAdapter(DecisionsView)
_DECISION = TypeAdapter(DecisionView)
_SHARE = TypeAdapter(ShareView)
_SHARES = TypeAdapter(list[ShareView])
_SHARED = TypeAdapter(list[SharedServerView])
_TIMELINE = TypeAdapter(TimelineView)
_SHELF = TypeAdapter(list[ShelfItemView])
_RETENTION_RUN = TypeAdapter(RetentionRunView)
_NOTHING: TypeAdapter[None] = TypeAdapter(None)

_ASK_AGAIN_FOR = timedelta(seconds=60)
"""A launch whose answer was lost is asked for again, with the same key, for this long."""


class Api:
    """Heliostat, as one caller sees it."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def create_launch(self, request: LaunchRequest) -> LaunchView:
        """Launch a repository; the key makes asking again after a lost answer start nothing twice."""
        headers = {"Idempotency-Key": str(uuid4())}
        backoff = Backoff(give_up_after=_ASK_AGAIN_FOR)
        while True:
            try:
                return self._http.request("POST", "binder/api/v1/launches", _LAUNCH, body=request, headers=headers)
            except UnreachableError as error:
                if not error.sent or not backoff.wait():
                    raise

    def read_launch(self, launch_id: UUID) -> LaunchView:
        """Read how far a launch is."""
        return self._http.request("GET", f"binder/api/v1/launches/{launch_id}", _LAUNCH)

    def cancel_launch(self, launch_id: UUID) -> LaunchView:
        """Cancel a launch."""
        return self._http.request("DELETE", f"binder/api/v1/launches/{launch_id}", _LAUNCH)

    def watch_launch(self, launch_id: UUID, *, after: str | None, on_lost: Lost) -> Iterator[LaunchEvent]:
        """Follow a launch's messages to the final one."""
        stream = ResumingStream(
            self._http,
            f"binder/api/v1/launches/{launch_id}/events",
            after=after,
            is_over=lambda: self.read_launch(launch_id).state.final,
            on_lost=on_lost,
        )
        for frame in stream.read():
            event = self._http.parse(_LAUNCH_EVENT, frame.data)
            yield event
            if event.final:
                return

    def list_sessions(self, *, state: str | None = None, user: str | None = None) -> list[SessionView]:
        """List the caller's servers, or, for an administrator, another user's."""
        params = {"state": state, "user": user}
        return self._http.request("GET", "binder/api/v1/sessions", _SESSIONS, params=params)

    def read_session(self, name: str, *, user: str | None = None) -> SessionView:
        """Read one server; the empty name is the default server."""
        return self._http.request("GET", _session_path(name), _SESSION, params={"user": user})

    def create_session(self, name: str) -> SessionView:
        """Create and start a plain server, without a repository."""
        body = SessionRequest.model_construct(name=name)
        return self._http.request("POST", "binder/api/v1/sessions", _SESSION, body=body)

    def start_session(self, name: str, *, user: str | None = None) -> SessionView:
        """Start a server that exists."""
        return self._http.request("POST", f"{_session_path(name)}/start", _SESSION, params={"user": user})

    def stop_session(self, name: str, *, user: str | None = None) -> SessionView:
        """Stop a server and keep its files."""
        return self._http.request("POST", f"{_session_path(name)}/stop", _SESSION, params={"user": user})

    def delete_session(self, name: str, *, user: str | None = None) -> SessionView | None:
        """Delete a server with its files; None when it is gone already."""
        return self._http.request("DELETE", _session_path(name), _SESSION_OR_NONE, params={"user": user})

    def list_shares(self, name: str) -> list[ShareView]:
        """List who else may use a server of the caller's."""
        return self._http.request("GET", f"{_session_path(name)}/shares", _SHARES)

    def list_shared(self) -> list[SharedServerView]:
        """List the servers that others share with the caller."""
        return self._http.request("GET", "binder/api/v1/shared", _SHARED)

    def create_share(self, name: str, request: ShareRequest) -> ShareView:
        """Give a user or a group access to a server of the caller's."""
        return self._http.request("POST", f"{_session_path(name)}/shares", _SHARE, body=request)

    def delete_share(self, name: str, *, kind: str, guest: str) -> None:
        """Take access back from a user or a group."""
        self._http.request("DELETE", f"{_session_path(name)}/shares/{kind}/{quote(guest, safe='')}", _NOTHING)

    def delete_shares(self, name: str) -> None:
        """Take access back from everybody."""
        self._http.request("DELETE", f"{_session_path(name)}/shares", _NOTHING)

    def list_events(self, params: Params) -> TimelineView:
        """List a page of the timeline, newest first."""
        return self._http.request("GET", "binder/api/v1/events", _TIMELINE, params=params)

    def read_plan(self, request: BuildRequest) -> PlanView:
        """Say what building a commit would do, without building it."""
        return self._http.request("POST", "builder/api/v1/plans", _PLAN, body=request)

    def list_builds(self, *, repo: str | None, state: str | None) -> list[BuildView]:
        """List builds, newest first."""
        return self._http.request("GET", "builder/api/v1/builds", _BUILDS, params={"repo": repo, "state": state})

    def read_build(self, build_id: UUID) -> BuildView:
        """Read one build."""
        return self._http.request("GET", f"builder/api/v1/builds/{build_id}", _BUILD)

    def cancel_build(self, build_id: UUID) -> BuildView:
        """Cancel a build."""
        return self._http.request("DELETE", f"builder/api/v1/builds/{build_id}", _BUILD)

    def watch_build_log(self, build_id: UUID, *, after: int | None, on_lost: Lost) -> Iterator[LogLine | LogEnd]:
        """Follow a build's log to the message that tells how the build ended."""
        stream = ResumingStream(
            self._http,
            f"builder/api/v1/builds/{build_id}/log",
            after=None if after is None else str(after),
            is_over=lambda: self.read_build(build_id).state.final,
            on_lost=on_lost,
        )
        for frame in stream.read():
            message = self._http.parse(_LOG_MESSAGE, frame.data)
            yield message
            if isinstance(message, LogEnd):
                return

    def list_shelf(self) -> list[ShelfItemView]:
        """List what builders keep, what was not used for longest first."""
        return self._http.request("GET", "builder/api/v1/retention/items", _SHELF)

    def pin_environment(self, environment_id: str) -> None:
        """Keep an environment whatever its use."""
        self._http.request("PUT", f"builder/api/v1/environments/{quote(environment_id, safe='')}/pin", _NOTHING)

    def unpin_environment(self, environment_id: str) -> None:
        """Keep an environment no longer than others."""
        self._http.request("DELETE", f"builder/api/v1/environments/{quote(environment_id, safe='')}/pin", _NOTHING)

    def collect_environments(self, *, dry_run: bool) -> RetentionRunView:
        """Remove what nothing needs, or say what that would be."""
        body = RetentionRunRequest(dry_run=dry_run)
        return self._http.request("POST", "builder/api/v1/retention/runs", _RETENTION_RUN, body=body)

    def read_policy(self, *, user: str | None = None, repository: str | None = None) -> EffectivePolicyView:
        """Read the rules of the caller, or, for an administrator, of another user, and what is left of them."""
        params = {"user": user, "repository": repository}
        return self._http.request("GET", "policy/api/v1/policy", _POLICY, params=params)

    def put_policy(self, change: PolicyChange) -> PolicyChangeView:
        """Put a policy in force, or with ``dry_run`` say what it would change."""
        return self._http.request("PUT", "policy/api/v1/policies", _POLICY_CHANGE, body=change)

    def list_policies(self) -> PolicyVersionsView:
        """List the policy in force and those before it."""
        return self._http.request("GET", "policy/api/v1/policies", _POLICY_VERSIONS)

    def list_decisions(self, *, session_id: UUID | None, server_name: str | None) -> DecisionsView:
        """List recorded decisions, newest first."""
        params = {"session": None if session_id is None else str(session_id), "server_name": server_name}
        return self._http.request("GET", "policy/api/v1/decisions", _DECISIONS, params=params)

    def read_decision(self, decision_id: UUID) -> DecisionView:
        """Read one recorded decision with every fact it rests on."""
        return self._http.request("GET", f"policy/api/v1/decisions/{decision_id}", _DECISION)


def _session_path(name: str) -> str:
    """Build a server's path; the default server's segment is one that no name can be."""
    return f"binder/api/v1/sessions/{quote(name, safe='') or '~default'}"
