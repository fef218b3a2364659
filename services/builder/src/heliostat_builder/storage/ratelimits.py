"""What answers of APIs say about how many requests are left; the headers are those of GitHub, GitLab and Zenodo."""

import re
from datetime import UTC, datetime, timedelta

import httpx

from ..metrics import BuilderMetrics

_FORBIDDEN = (403, 429)
_NUMBER = re.compile(r"[0-9]{1,15}")
"""What counts as a number: anybody's host may answer, and `str.isdigit` also takes what `int` does not."""


def note_rate(response: httpx.Response, *, provider: str, metrics: BuilderMetrics) -> None:
    """Show how many requests a provider's API will still answer, where it says so."""
    remaining = _read(response, "remaining")
    if remaining is not None:
        metrics.rate_remaining.labels(provider).set(remaining)


def is_rate_limited(response: httpx.Response) -> bool:
    """Whether the API refuses because there were too many requests, and not for another reason."""
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return True
    refused = response.status_code in _FORBIDDEN
    return refused and (_read(response, "remaining") == 0 or "retry-after" in response.headers)


def read_reset(response: httpx.Response) -> datetime | None:
    """Read when the API will answer again."""
    after, reset = response.headers.get("retry-after", ""), _read(response, "reset")
    try:
        if _NUMBER.fullmatch(after):
            return datetime.now(UTC) + timedelta(seconds=int(after))
        return None if reset is None else datetime.fromtimestamp(reset, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _read(response: httpx.Response, name: str) -> int | None:
    for header in (f"x-ratelimit-{name}", f"ratelimit-{name}"):
        value: str = response.headers.get(header, "")
        if _NUMBER.fullmatch(value):
            return int(value)
    return None
