"""The engine's moments: RFC 3339 with nanoseconds, and a zero where there is none."""

import re
from datetime import datetime

__all__ = ["read_moment"]

_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def read_moment(text: str) -> datetime | None:
    """Read a moment, to the microsecond, or None for the engine's zero."""
    if text.startswith("0001-"):
        return None
    return datetime.fromisoformat(_FRACTION.sub(lambda found: "." + found.group(1), text))
