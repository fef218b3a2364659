"""What a benchmark returns: figures, some of which have a goal."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import quantiles
from typing import Any

import uvloop


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; with ``at_most`` or ``at_least`` it has a goal."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.at_most is None and self.at_least is None:
            return None
        return self.value <= (self.at_most or math.inf) and self.value >= (self.at_least or -math.inf)

    @property
    def goal(self) -> str:
        """The goal as people write it."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"


Benchmark = Callable[[], Sequence[Figure]]


def run(measuring: Coroutine[Any, Any, Sequence[Figure]], *, limit: timedelta) -> Sequence[Figure]:
    """Run a benchmark on the loop the services use; TimeoutError when it takes longer than it may."""

    async def bounded() -> Sequence[Figure]:
        async with asyncio.timeout(limit.total_seconds()):
            return await measuring

    return uvloop.run(bounded())


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value below which this many percent of the values lie."""
    if len(values) < 2:
        return values[0] if values else math.nan
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def summarise(
    name: str, seconds: Sequence[float], *, p50: float | None = None, p95: float | None = None
) -> list[Figure]:
    """Give the median and the 95th percentile of durations, in milliseconds, with their goals."""
    return [
        Figure(f"{name} p50", percentile(seconds, 50) * 1000, "ms", at_most=p50),
        Figure(f"{name} p95", percentile(seconds, 95) * 1000, "ms", at_most=p95),
    ]
