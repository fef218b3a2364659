"""Following the timeline by asking again and again.

Positions are drawn before they are committed, so an event may turn up a little before one that was there already. So
each look begins some way back, and what was seen is left out.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from heliostat_core.contracts.timeline import TimelineEvent

from .api import Api
from .backoff import Backoff
from .errors import CommandError, RefusedError, UnexpectedAnswerError, UnreachableError
from .http import Params
from .streams import GIVE_UP_AFTER

_PAUSE = timedelta(seconds=2)
_OVERLAP = 1000
"""Positions that are looked at again; far more than can be drawn and not committed at one time."""

_SERVER_ERROR = 500


def follow_events(
    api: Api,
    params: Params,
    *,
    known: Sequence[TimelineEvent],
    on_lost: Callable[[CommandError | None], None],
    pause: timedelta = _PAUSE,
) -> Iterator[TimelineEvent]:
    """Give every event that comes after those that are known, once, for ever.

    Raises
    ------
    CommandError
        It was refused, or nothing answered for too long.
    """
    seen = {event.position for event in known}
    first = min(seen, default=0)  # what came before was not asked for
    backoff = Backoff(give_up_after=GIVE_UP_AFTER)
    in_touch = True
    while True:
        start = max(max(seen, default=0) - _OVERLAP, first)
        try:
            found = _read_after(api, params, start)
        except (UnreachableError, UnexpectedAnswerError, RefusedError) as error:
            if isinstance(error, RefusedError) and error.status < _SERVER_ERROR:
                raise
            if in_touch:
                on_lost(error)
            in_touch = False
            if not backoff.wait():
                raise
            continue
        in_touch = True
        backoff.reset()
        new = [event for event in found if event.position not in seen]
        yield from new
        seen = {position for position in seen if position >= start} | {event.position for event in new}
        time.sleep(pause.total_seconds())


def _read_after(api: Api, params: Params, start: int) -> list[TimelineEvent]:
    """Read all pages of what came after a position, and return it in order."""
    found: list[TimelineEvent] = []
    params = {**params, "after": str(start), "limit": "200"}
    while True:
        page = api.list_events(params)
        found += page.events
        if page.older is None:
            return found[::-1]
        params = {**params, "before": str(found[-1].position)}
