"""The log all services share: append, read, follow, rebuild. `docs/events.md` has the rules and why they hold."""

from .follower import Follower
from .grouped import GroupedAppends
from .rebuild import rebuild
from .records import Append, BulkProjection, Cursor, NewEvent, Projection, Recorded
from .store import EventStore, StreamConflictError

__all__ = [
    "Append",
    "BulkProjection",
    "Cursor",
    "EventStore",
    "Follower",
    "GroupedAppends",
    "NewEvent",
    "Projection",
    "Recorded",
    "StreamConflictError",
    "rebuild",
]
