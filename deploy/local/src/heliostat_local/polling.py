"""Waiting for conditions that nothing announces."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from inspect import isawaitable

__all__ = ["poll_until"]

INTERVAL = timedelta(milliseconds=50)


async def poll_until(
    condition: Callable[[], bool | Awaitable[bool]], *, deadline: timedelta, interval: timedelta = INTERVAL
) -> bool:
    """Ask until the answer is yes; False when it was not before the deadline."""
    try:
        async with asyncio.timeout(deadline.total_seconds()):
            while not await _ask(condition):  # noqa: ASYNC110 -- what is waited for happens in other processes
                await asyncio.sleep(interval.total_seconds())
    except TimeoutError:
        return False
    return True


async def _ask(condition: Callable[[], bool | Awaitable[bool]]) -> bool:
    answer = condition()
    return await answer if isawaitable(answer) else answer
