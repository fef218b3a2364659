"""Sessions and volumes as the ledger has them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from heliostat_core.contracts.model import Enforcement
from heliostat_core.contracts.sessions import ActivitySource, SessionState

RUNNING_STATES = frozenset({SessionState.RUNNING, SessionState.STOPPING})
"""States of a server that may run: a stop that was asked for and never came counts as running."""


@dataclass(frozen=True, slots=True)
class Volume:
    """Storage of one session, in bytes."""

    id: str
    session_id: UUID
    limit: int
    used: int | None
    measured_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """One server from its creation to its deletion, at one version of its stream.

    ``last_activity`` is the newest known; ``recorded_activity`` is what the last event of it said. ``spec`` names its
    commit as BinderHub does, ``ref_url`` is the commit's page.
    """

    id: UUID
    version: int
    user: str
    server_name: str
    state: SessionState
    launch_id: UUID | None
    repo: str | None
    ref: str | None
    commit: str | None
    environment_id: str | None
    content_id: str | None
    image: str | None
    path: str | None
    started_at: datetime | None
    last_activity: datetime | None
    activity_source: ActivitySource | None
    observed_at: datetime | None
    reported_at: datetime | None
    recorded_activity: datetime | None
    recorded_source: str | None
    warned_at: datetime | None
    enforcement: tuple[Enforcement, ...]
    created_at: datetime
    groups: tuple[str, ...] = ()
    volume: Volume | None = None
    spec: str | None = None
    ref_url: str | None = None

    @property
    def running(self) -> bool:
        """Whether it runs, as far as the ledger knows."""
        return self.state in RUNNING_STATES

    @property
    def deleting(self) -> bool:
        """Whether its deletion was asked for."""
        return self.state is SessionState.DELETING
