"""The sessions service's HTTP surface for servers."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from .model import Enforcement, WireModel


class SessionState(StrEnum):
    """What a server is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    DELETING = "deleting"
    DELETED = "deleted"
    UNKNOWN = "unknown"


ActivitySource = Literal["start", "requests", "kernel", "terminal", "hub"]
"""Which signal the last activity came from."""


class SessionRequest(WireModel):
    """A plain server in the default environment; no name means the default server."""

    name: str = Field(default="", max_length=255)


class StorageView(WireModel):
    """Storage of one server, in bytes; ``used`` is null until it was measured."""

    volume_id: str | None
    limit: int | None
    used: int | None
    measured_at: datetime | None


class IdleView(WireModel):
    """When the server will be stopped if nothing happens, and by which rule."""

    stop_at: datetime | None
    rule: str | None
    reason: str


class SessionLinks(WireModel):
    """Where to go from a session."""

    self: str
    start: str
    stop: str
    server: str
    decisions: str
    source: str | None = Field(default=None, description="the commit at its provider, where it has a page")
    launch: str | None = Field(default=None, description="page of the launch the files came with")
    relaunch: str | None = Field(default=None, description="page that launches the same commit in a new server")


class SessionView(WireModel):
    """One server of a user: where it came from, what it does, what it may use."""

    id: UUID
    user: str
    name: str = Field(description="name in the hub; empty for the default server")
    state: SessionState
    repo: str | None
    ref: str | None
    commit: str | None
    environment_id: str | None
    launch_id: UUID | None
    started_at: datetime | None
    last_activity: datetime | None
    activity_source: ActivitySource | None
    idle: IdleView | None
    limits: list[Enforcement]
    storage: StorageView
    url: str
    links: SessionLinks


HubName = Annotated[str, Field(min_length=1, max_length=255)]
"""Name of a user or group at the hub."""


class ShareRequest(WireModel):
    """Who gets access to a server: a user or a group."""

    user: HubName | None = None
    group: HubName | None = None

    @model_validator(mode="after")
    def _name_one(self) -> Self:
        if (self.user is None) == (self.group is None):
            raise ValueError("give either a user or a group")
        return self


class ShareView(WireModel):
    """A user or a group that may use a server of somebody else."""

    kind: Literal["user", "group"]
    name: str
    created_at: datetime


class SharedServerView(WireModel):
    """A server of somebody else that the caller may use, and through whom: the caller or one of their groups."""

    owner: str
    name: str = Field(description="name in the hub; empty for the owner's default server")
    ready: bool
    url: str
    repo: str | None
    commit: str | None
    shared_with: ShareView


class NameCheckView(WireModel):
    """Whether the caller could make a server of this name now, and if not, why and what to do."""

    name: str
    allowed: bool
    code: str | None = None
    message: str | None = None
    remedy: str | None = None
    repo: str | None = Field(default=None, description="repository of the server that has the name already")


class ActivityReport(WireModel):
    """What the server extension saw: each signal's last time. The token says which server it is."""

    started_at: datetime
    last_request: datetime | None = None
    last_kernel: datetime | None = None
    last_terminal: datetime | None = None
    kernels_busy: int = 0
    sent_at: datetime
