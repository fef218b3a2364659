"""The steps of one start, for any number of watchers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any


class Steps:
    """Steps in order; a late watcher sees the earlier ones first."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self._closed = False

    def add(self, percentage: int, message: str) -> None:
        """Add a step that is done; the percentage is what a progress bar shows."""
        self._events.append({"progress": percentage, "message": message})
        self._notify()

    def close(self) -> None:
        """End all watchers after what they have not seen."""
        self._closed = True
        self._notify()

    async def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Yield every step, also those to come."""
        seen = 0
        while True:
            changed = self._changed
            while seen < len(self._events):
                yield self._events[seen]
                seen += 1
            if self._closed:
                return
            await changed.wait()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
