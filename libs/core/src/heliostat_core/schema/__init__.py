"""All tables, one file per table or group that lives together; ownership is by Postgres role."""

from .binder import rate_limits, temporary_users
from .builds import build_log_lines, builds, environments
from .events import events
from .followers import followers
from .launches import launches
from .metadata import metadata
from .observations import observations
from .plans import plans, resolutions
from .policy import decisions, policies, reservations, usage
from .retention import retention_marks
from .sessions import sessions, volumes
from .work import work_items

__all__ = [
    "build_log_lines",
    "builds",
    "decisions",
    "environments",
    "events",
    "followers",
    "launches",
    "metadata",
    "observations",
    "plans",
    "policies",
    "rate_limits",
    "reservations",
    "resolutions",
    "retention_marks",
    "sessions",
    "temporary_users",
    "usage",
    "volumes",
    "work_items",
]
