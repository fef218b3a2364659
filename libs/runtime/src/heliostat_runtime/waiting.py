"""Wait for something that only looking can tell."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

__all__ = ["wait_for_condition"]


async def wait_for_condition(condition: Callable[[], bool], *, deadline: timedelta, interval: timedelta) -> bool:
    """Look, in a thread, until the condition holds; False when it does not at the deadline."""
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline.total_seconds()
    while not await asyncio.to_thread(condition):
        if loop.time() >= until:
            return False
        await asyncio.sleep(interval.total_seconds())
    return True
