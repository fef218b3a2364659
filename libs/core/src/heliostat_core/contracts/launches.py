"""The sessions service's HTTP surface for launches."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from .builds import PlanView
from .model import ErrorView, WireModel


class LaunchState(StrEnum):
    """Where a launch is, in order; the last four are final."""

    REQUESTED = "requested"
    PLANNED = "planned"
    BUILDING = "building"
    BUILT = "built"
    ADMITTED = "admitted"
    SPAWNING = "spawning"
    READY = "ready"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the launch will not change any more."""
        return self in {LaunchState.READY, LaunchState.REFUSED, LaunchState.FAILED, LaunchState.CANCELLED}


class LaunchRequest(WireModel):
    """A repository, a ref and what to open; ``new`` asks for another server where one for this commit exists."""

    repo: str = Field(min_length=1, max_length=2000)
    ref: str = Field(default="HEAD", max_length=255)
    provider: str | None = Field(default=None, max_length=20)
    spec: bool = Field(
        default=False, description="repo is a BinderHub spec of the provider as it stands in a URL, with its ref"
    )
    path: str | None = Field(default=None, max_length=1000, description="file or folder to open in JupyterLab")
    urlpath: str | None = Field(
        default=None, max_length=2000, description="instead of a path: what to open, as a URL path of the server"
    )
    server_name: str | None = Field(default=None, max_length=255)
    new: bool = False


class LaunchLinks(WireModel):
    """Where to go from a launch."""

    self: str
    events: str
    page: str
    build: str | None = None
    log: str | None = None
    session: str | None = None


class LaunchView(WireModel):
    """One launch: what was asked, what was resolved, how far it is and where it led."""

    id: UUID
    state: LaunchState
    user: str
    repo: str
    ref: str
    path: str | None
    urlpath: str | None = None
    server_name: str | None
    plan: PlanView | None
    build_id: UUID | None
    session_id: UUID | None
    url: str | None = Field(description="absolute URL of the running server, once ready")
    error: ErrorView | None
    created_at: datetime
    finished_at: datetime | None
    links: LaunchLinks


class LaunchEvent(WireModel):
    """One message of a launch's stream: a step of the launch, spawn progress, or a line of its build's log."""

    id: str = Field(description="<stream version>.<log line>; send it as Last-Event-ID to resume")
    phase: str
    step: str | None = Field(
        default=None, description="what exactly: the event of the launch, or for a line the step of the build"
    )
    time: datetime
    message: str
    line: int | None = None
    progress: int | None = None
    url: str | None = None
    server_url: str | None = Field(default=None, description="the server itself, with a slash at the end")
    plan: PlanView | None = None
    error: ErrorView | None = None
    final: bool = False
