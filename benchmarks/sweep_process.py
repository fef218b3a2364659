"""One idle sweep with the sessions service's own code: ``python -m benchmarks.sweep_process``, steered by `sweep`.

Prints one JSON object. No background job runs beside it, so that its time and memory are the sweep's alone.
"""

import asyncio
import json
import resource
from time import perf_counter

import psutil
import uvloop
from heliostat_core.metrics import create_registry
from heliostat_sessions.config import SessionsConfig
from heliostat_sessions.factory import ProcessContext

from .services import MIB


async def _sweep() -> dict[str, float]:
    async with ProcessContext.open(SessionsConfig(), registry=create_registry()) as process:
        await process.database.ping()
        before = psutil.Process().memory_info().rss / MIB
        begun = perf_counter()
        await process.factory.idle.sweep()
        seconds = perf_counter() - begun
        return {"seconds": seconds, "memory": _read_peak() - before, "stops": _count_stops(process)}


def _count_stops(process: ProcessContext) -> float:
    return process.factory.metrics.stops.labels("idle")._value.get()  # type: ignore[no-any-return]  # noqa: SLF001 a counter has no other reader


def _read_peak() -> float:
    """Read the largest resident memory so far in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


if __name__ == "__main__":
    print(json.dumps(uvloop.run(asyncio.wait_for(_sweep(), 60))))
