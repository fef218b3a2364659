"""Who may use a server besides its owner."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self

from heliostat_core.contracts.sessions import ShareRequest, ShareView


@dataclass(frozen=True, slots=True)
class Guest:
    """A user or a group that gets, has, or loses access."""

    kind: Literal["user", "group"]
    name: str

    @classmethod
    def of(cls, request: ShareRequest) -> Self:
        """Read whom a request names."""
        return cls("user", request.user) if request.user is not None else cls("group", request.group or "")

    @property
    def user(self) -> str | None:
        """The user, unless it is a group."""
        return self.name if self.kind == "user" else None

    @property
    def group(self) -> str | None:
        """The group, unless it is a user."""
        return self.name if self.kind == "group" else None


@dataclass(frozen=True, slots=True)
class Share:
    """One guest's access to one server, as the hub has it."""

    guest: Guest
    owner: str
    server_name: str
    ready: bool
    url: str
    created_at: datetime

    def to_view(self) -> ShareView:
        """Show it to the owner."""
        return ShareView(kind=self.guest.kind, name=self.guest.name, created_at=self.created_at)
