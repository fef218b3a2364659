"""When something was last done, by signal: a person's requests, kernels, terminals."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_SAVED_BY_ITSELF = ("/lab/api/workspaces", "/lab/api/csp-report", "/api/security/csp-report")
"""Written by an open page that nobody touches."""


class Activity:
    """The last time of each signal; it only moves forward, also past kernels and terminals that have ended."""

    def __init__(self, *, started_at: datetime) -> None:
        self.started_at = started_at
        self.last_request: datetime | None = None
        self.last_kernel: datetime | None = None
        self.last_terminal: datetime | None = None
        self.kernels_busy = 0

    def observe_request(self, handler: Any) -> None:
        """Take a request that has been answered into account if a person caused it."""
        if is_by_person(
            method=handler.request.method,
            path=handler.request.path,
            navigation=handler.request.headers.get("Sec-Fetch-Mode") == "navigate",
            authenticated=getattr(handler, "_jupyter_current_user", None) is not None,
        ):
            self.last_request = datetime.now(timezone.utc)

    def observe_kernels(self, kernels: Iterable[Any]) -> None:
        """Look at jupyter_server's kernel managers; a busy kernel is active now, however silent it is."""
        known = list(kernels)
        self.kernels_busy = sum(kernel.execution_state == "busy" for kernel in known)
        times = [kernel.last_activity for kernel in known]
        self.last_kernel = _latest(self.last_kernel, [datetime.now(timezone.utc)] if self.kernels_busy else times)

    def observe_terminals(self, times: Iterable[datetime]) -> None:
        """Take the times of the terminals' last output; they count with no browser attached, too."""
        self.last_terminal = _latest(self.last_terminal, times)

    def to_report(self) -> dict[str, Any]:
        """Return the body of a report: the sessions service's ``ActivityReport``."""
        return {
            "started_at": self.started_at.isoformat(),
            "last_request": _format(self.last_request),
            "last_kernel": _format(self.last_kernel),
            "last_terminal": _format(self.last_terminal),
            "kernels_busy": self.kernels_busy,
            "sent_at": datetime.now(timezone.utc).isoformat(),
        }


def is_by_person(*, method: str, path: str, navigation: bool, authenticated: bool) -> bool:
    """Whether a person caused a request: by opening a page, or changing anything; not the polling of an open tab."""
    if not authenticated:
        return False
    if method in _READING:
        return navigation
    return not any(part in path for part in _SAVED_BY_ITSELF)


def _latest(known: datetime | None, times: Iterable[datetime]) -> datetime | None:
    return max([*times, *([known] if known else [])], default=None)


def _format(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
