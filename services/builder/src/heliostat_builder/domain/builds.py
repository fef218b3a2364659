"""A build as the builder's services know it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from heliostat_core.contracts.builds import BuildState, PlanView
from heliostat_core.contracts.model import ErrorView

MAX_ATTEMPTS = 3
"""A build whose builder died this often is taken to be what kills builders."""


@dataclass(frozen=True, slots=True)
class Build:
    """One build: its plan, and how far it is."""

    id: UUID
    state: BuildState
    plan: PlanView
    attempt: int
    requesters: tuple[str, ...]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    failure: ErrorView | None
    image: str | None

    @property
    def requested_by(self) -> str:
        """Who asked first."""
        return self.requesters[0]
