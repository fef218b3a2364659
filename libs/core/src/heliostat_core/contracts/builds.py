"""The builder's HTTP surface."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

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
    spec: bool = Field(
        default=False,
        description="repo is a BinderHub spec of the provider as it stands in a URL: percent-encoded, with its ref",
    )


class PlanView(WireModel):
    """What building this commit would do, and which file decides it."""

    provider: str
    repo: str = Field(description="canonical URL of the repository")
    ref: str
    commit: str = Field(description="full SHA, or what the provider's API calls this version for ever")
    ref_url: str = Field(description="a page, or URL, that shows this commit")
    resolved_spec: str = Field(description="BinderHub spec with the ref replaced by the commit")
    slug: str = Field(description="readable short name of the repository")
    environment_id: str
    content_id: str
    image_id: str
    image_name: str = Field(default="", description="readable and unique: <provider>-<slug>:<image id>")
    image: str | None = Field(
        default=None, description="digest of the commit's image, where it is there and servers start from images"
    )
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
    image: str | None = Field(default=None, description="digest of the image that was built, once succeeded")
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
    last_used_at: datetime | None = Field(default=None, description="last start of a server that has this environment")
    size: int | None = Field(default=None, description="bytes")
    image: str | None = Field(default=None, description="digest of its image, where it is one")
    pinned_by: str | None = Field(default=None, description="administrator who keeps it whatever its use")
    pinned_at: datetime | None = None


class _Form(WireModel):
    """Part of how BinderHub describes a provider; its names are BinderHub's."""

    model_config = ConfigDict(populate_by_name=True)


class SpecForm(_Form):
    """What a spec of the provider looks like, without its prefix."""

    validate_regex: str = Field(alias="validateRegex")


class AddressForm(_Form):
    """Which pasted addresses are the provider's; the group ``repo`` of this JavaScript expression is what to keep."""

    regex: str


class RepoForm(_Form):
    """The field for the repository; ``url_encode`` where it becomes one part of the spec's path."""

    label: str
    placeholder: str
    url_encode: bool = Field(default=False, alias="urlEncode")


class RefForm(_Form):
    """The field for the ref, where the provider has refs."""

    enabled: bool
    default: str | None = None


class ProviderView(_Form):
    """One kind of place repositories are in, as BinderHub's ``/api/repoproviders`` lists it."""

    display_name: str = Field(alias="displayName")
    id: str = Field(description="its prefix in specs, and the value of ``provider`` in requests")
    spec: SpecForm
    detect: AddressForm | None = None
    repo: RepoForm
    ref: RefForm
