"""Every kind of event there is. A kind is a literal and is never renamed; a change of shape is a new version.

An event records the inputs of what happened, not only the outcome, so that explanation, simulation and audit are
queries. `docs/events.md` lists who appends which kind to which stream.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from .builds import PlanView
from .model import Enforcement, ErrorView, WireModel

# Stream build-<build id>; appended by the builder.


class BuildRequested(WireModel):
    kind: Literal["build.requested.v1"] = "build.requested.v1"
    build_id: UUID
    requested_by: str
    plan: PlanView


class BuildJoined(WireModel):
    """Somebody else asked for what is being built already, and may see and follow it from now on."""

    kind: Literal["build.joined.v1"] = "build.joined.v1"
    build_id: UUID
    requested_by: str


class BuildStarted(WireModel):
    kind: Literal["build.started.v1"] = "build.started.v1"
    build_id: UUID
    attempt: int
    builder: str


class BuildInterrupted(WireModel):
    """Its builder was stopped in the middle of it; the attempt is not one of those that killed their builder."""

    kind: Literal["build.interrupted.v1"] = "build.interrupted.v1"
    build_id: UUID
    attempt: int


class BuildFinished(WireModel):
    kind: Literal["build.finished.v1"] = "build.finished.v1"
    build_id: UUID
    environment_id: str
    content_id: str
    image: str | None = None
    log_lines: int


class BuildFailed(WireModel):
    kind: Literal["build.failed.v1"] = "build.failed.v1"
    build_id: UUID
    error: ErrorView
    log_lines: int


class BuildCancelled(WireModel):
    kind: Literal["build.cancelled.v1"] = "build.cancelled.v1"
    build_id: UUID
    cancelled_by: str
    log_lines: int


# Stream environment-<environment id>; appended by the builder.


class EnvironmentCreated(WireModel):
    kind: Literal["environment.created.v1"] = "environment.created.v1"
    environment_id: str
    build_id: UUID | None
    recipe: str
    python: str
    lock: str
    size: int | None
    image: str | None = None


class EnvironmentRetired(WireModel):
    kind: Literal["environment.retired.v1"] = "environment.retired.v1"
    environment_id: str
    reason: str


class EnvironmentPinned(WireModel):
    kind: Literal["environment.pinned.v1"] = "environment.pinned.v1"
    environment_id: str
    pinned_by: str


class EnvironmentUnpinned(WireModel):
    kind: Literal["environment.unpinned.v1"] = "environment.unpinned.v1"
    environment_id: str
    unpinned_by: str


# Stream launch-<launch id>; appended by the sessions service.


class LaunchRequested(WireModel):
    kind: Literal["launch.requested.v1"] = "launch.requested.v1"
    launch_id: UUID
    user: str
    groups: list[str]
    repo: str
    ref: str
    provider: str | None
    spec: bool = False
    path: str | None
    urlpath: str | None = None
    server_name: str | None
    new: bool
    temporary: bool = False
    idempotency_key: str | None


class LaunchPlanned(WireModel):
    kind: Literal["launch.planned.v1"] = "launch.planned.v1"
    launch_id: UUID
    plan: PlanView


class LaunchBuildAwaited(WireModel):
    """The launch waits for a build; the lines of that build's log follow here in the launch's stream of messages."""

    kind: Literal["launch.build_awaited.v1"] = "launch.build_awaited.v1"
    launch_id: UUID
    build_id: UUID


class LaunchBuilt(WireModel):
    kind: Literal["launch.built.v1"] = "launch.built.v1"
    launch_id: UUID
    build_id: UUID | None
    environment_id: str
    content_id: str
    image: str | None = None


class LaunchAdmitted(WireModel):
    """A server was chosen; no decision where it was running already, so that nothing starts."""

    kind: Literal["launch.admitted.v1"] = "launch.admitted.v1"
    launch_id: UUID
    decision_id: UUID | None
    session_id: UUID
    server_name: str
    reopened: bool


class LaunchSpawnRequested(WireModel):
    """Intent: the hub is about to be asked to start this server."""

    kind: Literal["launch.spawn_requested.v1"] = "launch.spawn_requested.v1"
    launch_id: UUID
    session_id: UUID
    attempt: int


class LaunchProgressed(WireModel):
    """What the hub said while the server started."""

    kind: Literal["launch.progressed.v1"] = "launch.progressed.v1"
    launch_id: UUID
    message: str
    progress: int


class LaunchReady(WireModel):
    """``url`` shows what was asked for; ``server_url`` is the server itself, with a slash at the end."""

    kind: Literal["launch.ready.v1"] = "launch.ready.v1"
    launch_id: UUID
    session_id: UUID
    url: str
    server_url: str | None = None


class LaunchRefused(WireModel):
    kind: Literal["launch.refused.v1"] = "launch.refused.v1"
    launch_id: UUID
    decision_id: UUID | None
    error: ErrorView


class LaunchFailed(WireModel):
    kind: Literal["launch.failed.v1"] = "launch.failed.v1"
    launch_id: UUID
    phase: str
    error: ErrorView


class LaunchCancelled(WireModel):
    kind: Literal["launch.cancelled.v1"] = "launch.cancelled.v1"
    launch_id: UUID
    cancelled_by: str


# Stream session-<session id>; appended by the sessions service. A session is one server from creation to deletion.


class SessionCreated(WireModel):
    kind: Literal["session.created.v1"] = "session.created.v1"
    session_id: UUID
    user: str
    server_name: str
    origin: Literal["launch", "api", "hub"]


class SessionAssigned(WireModel):
    """The session got a repository, commit and environment from a launch."""

    kind: Literal["session.assigned.v1"] = "session.assigned.v1"
    session_id: UUID
    launch_id: UUID
    repo: str
    ref: str
    commit: str
    environment_id: str
    content_id: str
    image: str | None = None
    path: str | None


class SessionStarted(WireModel):
    kind: Literal["session.started.v1"] = "session.started.v1"
    session_id: UUID
    started_at: datetime
    enforcement: list[Enforcement]


class SessionActivityObserved(WireModel):
    kind: Literal["session.activity_observed.v1"] = "session.activity_observed.v1"
    session_id: UUID
    last_activity: datetime
    source: Literal["start", "requests", "kernel", "terminal", "hub"]
    observed_at: datetime


class SessionIdleWarned(WireModel):
    kind: Literal["session.idle_warned.v1"] = "session.idle_warned.v1"
    session_id: UUID
    decision_id: UUID | None
    stop_at: datetime


class SessionStopRequested(WireModel):
    """Intent: the hub is about to be asked to stop this server."""

    kind: Literal["session.stop_requested.v1"] = "session.stop_requested.v1"
    session_id: UUID
    reason: Literal["user", "idle", "delete", "admin"]
    decision_id: UUID | None


class SessionStopped(WireModel):
    kind: Literal["session.stopped.v1"] = "session.stopped.v1"
    session_id: UUID
    observed_at: datetime


class SessionShared(WireModel):
    """A user or a group, one of the two, got access to the server at the hub."""

    kind: Literal["session.shared.v1"] = "session.shared.v1"
    session_id: UUID
    user: str | None
    group: str | None
    decision_id: UUID | None


class SessionUnshared(WireModel):
    """Access was taken back at the hub: from a user, from a group, or with neither from everybody."""

    kind: Literal["session.unshared.v1"] = "session.unshared.v1"
    session_id: UUID
    user: str | None
    group: str | None


class SessionDeleteRequested(WireModel):
    kind: Literal["session.delete_requested.v1"] = "session.delete_requested.v1"
    session_id: UUID


class SessionDeleted(WireModel):
    kind: Literal["session.deleted.v1"] = "session.deleted.v1"
    session_id: UUID
    observed_at: datetime


# Stream storage-<volume id>; appended by the sessions service.


class StorageCreated(WireModel):
    kind: Literal["storage.created.v1"] = "storage.created.v1"
    volume_id: str
    session_id: UUID
    limit: int
    backend: str


class StorageMeasured(WireModel):
    kind: Literal["storage.measured.v1"] = "storage.measured.v1"
    volume_id: str
    used: int
    limit: int


class StorageDeleted(WireModel):
    kind: Literal["storage.deleted.v1"] = "storage.deleted.v1"
    volume_id: str
    session_id: UUID | None


# Stream policy (one) and decision-<decision id>; appended by the policy service.


class PolicyChanged(WireModel):
    kind: Literal["policy.changed.v1"] = "policy.changed.v1"
    version: int
    source: str
    comment: str


class DecisionMade(WireModel):
    kind: Literal["decision.made.v1"] = "decision.made.v1"
    decision_id: UUID
    action: Literal["build", "create", "start", "rename", "share", "idle"]
    user: str
    server_name: str | None
    session_id: UUID | None
    verdict: Literal["allow", "refuse", "warn", "stop"]
    rule: str | None
    policy_version: int
    message: str
    facts: dict[str, Any]


Event = Annotated[
    BuildRequested
    | BuildJoined
    | BuildStarted
    | BuildInterrupted
    | BuildFinished
    | BuildFailed
    | BuildCancelled
    | EnvironmentCreated
    | EnvironmentRetired
    | EnvironmentPinned
    | EnvironmentUnpinned
    | LaunchRequested
    | LaunchPlanned
    | LaunchBuildAwaited
    | LaunchBuilt
    | LaunchAdmitted
    | LaunchSpawnRequested
    | LaunchProgressed
    | LaunchReady
    | LaunchRefused
    | LaunchFailed
    | LaunchCancelled
    | SessionCreated
    | SessionAssigned
    | SessionStarted
    | SessionActivityObserved
    | SessionIdleWarned
    | SessionStopRequested
    | SessionStopped
    | SessionShared
    | SessionUnshared
    | SessionDeleteRequested
    | SessionDeleted
    | StorageCreated
    | StorageMeasured
    | StorageDeleted
    | PolicyChanged
    | DecisionMade,
    Field(discriminator="kind"),
]

event_adapter: TypeAdapter[Event] = TypeAdapter(Event)
