"""The builder's HTTP surface."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field

from .model import ErrorView, WireModel


class BuildState(StrEnum):
    """Where a build is; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the build will not change any more."""
        return self not in {BuildState.QUEUED, BuildState.RUNNING}


class PlanDecision(StrEnum):
    """What a build has to do: nothing, lay the commit's files on an existing environment, or build the environment."""

    HIT = "hit"
    CONTENT_ONLY = "content-only"
    FULL = "full"


class BuildRequest(WireModel):
    """A repository as people write it (URL, ``owner/name``) and a ref; ``provider`` only where it cannot be told."""

    repo: str = Field(min_length=1, max_length=2000)
    ref: str = Field(default="HEAD", max_length=255)
    provider: str | None = Field(default=None, max_length=20)


class PlanView(WireModel):
    """What building this commit would do, and which file decides it."""

    provider: str
    repo: str = Field(description="canonical URL of the repository")
    ref: str
    commit: str = Field(description="full SHA")
    ref_url: str = Field(description="a page, or URL, that shows this commit")
    resolved_spec: str = Field(description="BinderHub spec with the ref replaced by the commit")
    slug: str = Field(description="readable short name of the repository")
    environment_id: str
    content_id: str
    image_id: str
    decision: PlanDecision
    forced_by: str | None = Field(default=None, description="file that forces a build keyed on the commit")
    config_files: list[str] = []
    warnings: list[str] = []


class BuildLinks(WireModel):
    """Where to go from a build."""

    self: str
    log: str


class BuildView(WireModel):
    """One build: its plan, state and outcome."""

    id: UUID
    state: BuildState
    plan: PlanView
    attempt: int = 0
    requested_by: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    failure: ErrorView | None = None
    links: BuildLinks


class LogLine(WireModel):
    """One numbered line of a build's output, counted from 1 without a gap."""

    number: int
    time: datetime
    phase: str
    text: str


class LogEnd(WireModel):
    """The last message of a build's log: how the build ended. Its id is one more than the last line's."""

    state: BuildState
    failure: ErrorView | None = None
    final: Literal[True] = True


class EnvironmentView(WireModel):
    """One environment in the store."""

    id: str
    created_at: datetime
    build_id: UUID | None
    recipe: str
    python: str
    lock: str = Field(description="the resolved, pinned requirements")
    last_used_at: datetime | None = None
    size: int | None = Field(default=None, description="bytes")
