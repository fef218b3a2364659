"""What is stored, in the words of the domain."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """One version of the policy as text."""

    version: int
    source: str
    comment: str
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """Which decisions to list; what is None does not narrow."""

    user: str | None = None
    session_id: UUID | None = None
    server_name: str | None = None
    limit: int = 50
