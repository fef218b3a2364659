"""The log all services share: append, read, follow, rebuild. `docs/events.md` has the rules and why they hold."""

from .follower import Follower
from .rebuild import rebuild
from .records import BulkProjection, Cursor, NewEvent, Projection, Recorded
from .store import EventStore, StreamConflictError

__all__ = [
    "BulkProjection",
    "Cursor",
    "EventStore",
    "Follower",
    "NewEvent",
    "Projection",
    "Recorded",
    "StreamConflictError",
    "rebuild",
]
