"""Steps of a start reach every watcher, early or late."""

import asyncio

from heliostat_hub.progress import Steps


async def read(steps: Steps) -> list[str]:
    return [step["message"] async for step in steps.watch()]


async def test_early_and_late_watchers_see_every_step_once() -> None:
    steps = Steps()
    steps.add(10, "one")
    early = asyncio.create_task(read(steps))
    await asyncio.sleep(0)
    steps.add(20, "two")
    await asyncio.sleep(0)
    steps.add(30, "three")
    steps.close()
    assert await early == await read(steps) == ["one", "two", "three"]
