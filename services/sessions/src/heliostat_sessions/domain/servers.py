"""Servers as the hub describes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from heliostat_core.contracts.sessions import SessionState


@dataclass(frozen=True, slots=True)
class HubServer:
    """One server in the hub; the default server's name is empty."""

    name: str
    ready: bool
    pending: str | None
    started: datetime | None
    last_activity: datetime | None
    url: str

    @property
    def active(self) -> bool:
        """Whether it runs, starts or stops."""
        return self.ready or self.pending is not None

    @property
    def state(self) -> SessionState:
        """What it does, in our words."""
        if self.pending == "stop":
            return SessionState.STOPPING
        if self.pending == "spawn":
            return SessionState.STARTING
        return SessionState.RUNNING if self.ready else SessionState.STOPPED


@dataclass(frozen=True, slots=True)
class HubUser:
    """A user in the hub with all servers, stopped ones included.

    ``created`` is when the hub first heard of the user; None where it does not say.
    """

    name: str
    groups: tuple[str, ...]
    servers: Mapping[str, HubServer]
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class SpawnProgress:
    """One message of a starting server."""

    message: str
    progress: int
    ready: bool = False
    failed: bool = False
    url: str | None = None
