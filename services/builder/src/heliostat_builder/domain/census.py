"""How much there is, by the read models and on the disk."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Census:
    """What all builders together look after; ``oldest_wait`` is the age of the oldest build that nobody began."""

    queued: int
    running: int
    oldest_wait: timedelta
    environments: int
    environments_size: int


@dataclass(frozen=True, slots=True)
class Space:
    """The disk of the state directory, in bytes."""

    size: int
    free: int
