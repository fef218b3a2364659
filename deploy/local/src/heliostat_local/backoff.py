"""When to try again after a component died."""

from datetime import timedelta

__all__ = ["Backoff"]

FIRST = timedelta(milliseconds=200)
LONGEST = timedelta(seconds=30)
DOUBLINGS = 10  # more than reach the longest pause
PROVEN = timedelta(seconds=60)  # one that was ready for this long is not the cause of its own end
FAILING = 5  # deaths in a row after which people should look


class Backoff:
    """Counts deaths in a row and doubles the pause with each."""

    def __init__(self) -> None:
        self._deaths = 0

    def record(self, *, ready_for: timedelta) -> timedelta:
        """Note a death after `ready_for` of readiness and return how long to wait before the next start."""
        self._deaths = 1 if ready_for >= PROVEN else self._deaths + 1
        return min(FIRST * (1 << min(self._deaths - 1, DOUBLINGS)), LONGEST)

    @property
    def failing(self) -> bool:
        """Whether it died so often that restarting will not help by itself."""
        return self._deaths >= FAILING
