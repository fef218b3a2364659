"""The hub's background work lives as long as its loop, though nobody keeps a reference to it."""

import asyncio
import gc
from typing import cast

import pytest
from heliostat_hub import background
from heliostat_hub.host import Host


async def test_the_collector_does_not_take_the_work_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait_for_ever(_: Host) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(background, "run_background", wait_for_ever)

    background.schedule_background(cast("Host", None))
    await asyncio.sleep(0)
    gc.collect()

    assert "heliostat background" in {task.get_name() for task in asyncio.all_tasks()}
