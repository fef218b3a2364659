"""How much there is, by the read models."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from heliostat_core.contracts.launches import LaunchState
from heliostat_core.contracts.sessions import SessionState


@dataclass(frozen=True, slots=True)
class Census:
    """What all replicas together look after.

    ``oldest_launch`` is the age of the oldest launch under way; ``unheard`` counts servers that run and were not heard
    of lately; sizes are in bytes.
    """

    launches: Mapping[LaunchState, int]
    oldest_launch: timedelta
    servers: Mapping[SessionState, int]
    unheard: int
    temporary_users: int
    volumes: int
    volumes_used: int
    volumes_limit: int
    volumes_nearly_full: int
