"""Waiting longer after each failure in a row, and giving up in the end."""

import random
import time
from collections.abc import Callable
from datetime import timedelta


class Backoff:
    """Pauses between attempts: doubling from ``first`` to ``longest``, each cut by up to a half at random.

    Parameters
    ----------
    give_up_after
        `wait` answers no when this long has passed since the start or the last `reset`.
    sleep, clock
        Seconds; given by tests.
    """

    def __init__(
        self,
        *,
        give_up_after: timedelta,
        first: timedelta = timedelta(milliseconds=200),
        longest: timedelta = timedelta(seconds=10),
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._give_up_after = give_up_after.total_seconds()
        self._first = first.total_seconds()
        self._longest = longest.total_seconds()
        self._sleep = sleep
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Begin anew: something worked."""
        self._next = self._first
        self._deadline = self._clock() + self._give_up_after

    def wait(self) -> bool:
        """Pause before the next attempt, or return False when it is time to give up."""
        left = self._deadline - self._clock()
        if left <= 0:
            return False
        self._sleep(min(left, self._next * random.uniform(0.5, 1)))  # noqa: S311 spreads clients, keeps no secret
        self._next = min(self._next * 2, self._longest)
        return True
