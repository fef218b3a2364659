"""Asking the builder for its providers, as anybody may."""

import asyncio
from typing import Any

from heliostat_core.clients import PeerUnavailableError
from heliostat_sessions.services.planning import PlanService


class Builder:
    """Hangs until it is released, and then is found away."""

    def __init__(self) -> None:
        self.asked = 0
        self.released = asyncio.Event()

    async def list_providers(self) -> list[Any]:
        self.asked += 1
        await self.released.wait()
        raise PeerUnavailableError(service="builder")


async def test_who_waited_for_a_builder_that_is_away_does_not_wait_again() -> None:
    builder: Any = Builder()
    plans = PlanService(builder=builder)
    waiting = [asyncio.ensure_future(plans.list_providers()) for _ in range(5)]
    while not builder.asked:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    builder.released.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(answer, PeerUnavailableError) for answer in answers)
    assert builder.asked == 1
    builder.asked = 0
    await asyncio.gather(plans.list_providers(), return_exceptions=True)
    assert builder.asked == 1
