"""Wait for what only looking can tell, and for what must not be left half done."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

__all__ = ["complete", "wait_for_condition"]

T = TypeVar("T")


async def wait_for_condition(condition: Callable[[], bool], *, deadline: timedelta, interval: timedelta) -> bool:
    """Look, in a thread, until the condition holds; False when it does not at the deadline."""
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline.total_seconds()
    while not await asyncio.to_thread(condition):
        if loop.time() >= until:
            return False
        await asyncio.sleep(interval.total_seconds())
    return True


async def complete(work: Coroutine[Any, Any, T]) -> T:
    """Do short work to its end even if the caller is cancelled meanwhile; the cancellation is raised after it."""
    task = asyncio.create_task(work, name="complete")
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # of no interest after the cancellation
        raise
