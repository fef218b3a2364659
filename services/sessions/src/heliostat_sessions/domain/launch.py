"""A launch: what its events add up to."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.builds import BuildState, PlanView
from heliostat_core.contracts.launches import LaunchState
from heliostat_core.contracts.model import ErrorView
from heliostat_core.eventstore import Recorded

PHASES = {
    LaunchState.REQUESTED: "plan",
    LaunchState.PLANNED: "build",
    LaunchState.BUILDING: "build",
    LaunchState.BUILT: "admit",
    LaunchState.ADMITTED: "spawn",
    LaunchState.SPAWNING: "spawn",
}
"""What a launch does next, by its state."""


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far the build is that a launch waits for: why it failed, or what image it made, if it makes images."""

    state: BuildState
    failure: ErrorView | None
    image: str | None


@dataclass(frozen=True, slots=True)
class Launch:
    """One launch at one version of its stream."""

    requested: kinds.LaunchRequested
    version: int
    created_at: datetime
    state: LaunchState = LaunchState.REQUESTED
    plan: PlanView | None = None
    build_id: UUID | None = None
    admitted: kinds.LaunchAdmitted | None = None
    attempt: int = 0
    heard: frozenset[str] = frozenset()
    url: str | None = None
    error: ErrorView | None = None
    finished_at: datetime | None = None

    @property
    def id(self) -> UUID:
        """The launch's id, which is also the correlation id of all it causes."""
        return self.requested.launch_id

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self.state.final

    @property
    def phase(self) -> str:
        """What it does next."""
        return PHASES[self.state]

    @property
    def planned(self) -> PlanView:
        """The plan, which every launch has from its first transaction on."""
        assert self.plan is not None  # noqa: S101 requested and planned are appended together
        return self.plan

    def apply(self, event: Recorded) -> "Launch":  # noqa: C901, PLR0911 one case per kind
        """Return the launch after one more event."""
        later = replace(self, version=event.version)
        data = event.data
        match data:
            case kinds.LaunchPlanned():
                return replace(later, state=LaunchState.PLANNED, plan=data.plan)
            case kinds.LaunchBuildAwaited():
                return replace(later, state=LaunchState.BUILDING, build_id=data.build_id)
            case kinds.LaunchBuilt():
                # From here on the plan names the image there is now, which may be another than when it was made.
                built = self.planned.model_copy(update={"image": data.image})
                return replace(later, state=LaunchState.BUILT, plan=built)
            case kinds.LaunchAdmitted():
                return replace(later, state=LaunchState.ADMITTED, admitted=data)
            case kinds.LaunchSpawnRequested():
                return replace(later, state=LaunchState.SPAWNING, attempt=data.attempt, heard=frozenset())
            case kinds.LaunchProgressed():
                return replace(later, heard=self.heard | {data.message})
            case kinds.LaunchReady():
                return replace(later, state=LaunchState.READY, url=data.url, finished_at=event.time)
            case kinds.LaunchRefused():
                return replace(later, state=LaunchState.REFUSED, error=data.error, finished_at=event.time)
            case kinds.LaunchFailed():
                return replace(later, state=LaunchState.FAILED, error=data.error, finished_at=event.time)
            case kinds.LaunchCancelled():
                return replace(later, state=LaunchState.CANCELLED, finished_at=event.time)
            case _:
                return later


def build_launch(events: list[Recorded]) -> Launch:
    """Add up the events of a launch's stream, which begins with the request."""
    first = events[0]
    assert isinstance(first.data, kinds.LaunchRequested)  # noqa: S101 the first event of every launch stream
    launch = Launch(requested=first.data, version=first.version, created_at=first.time)
    for event in events[1:]:
        launch = launch.apply(event)
    return launch
