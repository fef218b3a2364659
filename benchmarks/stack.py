"""The whole instance: how long it takes to start, and what its services need when nobody does anything."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.e2e.stack import Stack, running_stack

from .figures import Figure
from .machine import ROOT
from .services import MIB

SERVICES = ("builder", "sessions", "policy")
_KEPT_BASE = ROOT / "build" / "bench-base"
_SETTLING = 10
_INTERVALS = {
    "HELIOSTAT_SESSIONS_IDLE_SWEEP_INTERVAL": "30s",
    "HELIOSTAT_SESSIONS_MEASURE_INTERVAL": "1min",
    "HELIOSTAT_SESSIONS_RECONCILE_INTERVAL": "3s",
}
"""The services' defaults; tests shorten them."""


def measure_stack() -> Sequence[Figure]:
    """Start an instance in an empty state directory and, when it has stopped, once more."""
    with _temporary_state() as state:
        begun = time.monotonic()
        with running_stack(state, **_INTERVALS):
            first = time.monotonic() - begun
        begun = time.monotonic()
        with running_stack(state, **_INTERVALS) as stack:
            later = time.monotonic() - begun
            time.sleep(_SETTLING)
            memory = _measure_memory(stack)
        _keep_base(state)
    return [
        Figure("start in an empty state directory", first, "s", at_most=120),
        Figure("start again", later, "s", at_most=10),
        *memory,
    ]


@contextmanager
def running_instance() -> Iterator[Stack]:
    """Start an instance for measurements of what it does, with the intervals of a real one."""
    with _temporary_state() as state:
        if _KEPT_BASE.exists():
            shutil.move(_KEPT_BASE, state / "base")
        try:
            with running_stack(state, **_INTERVALS) as stack:
                yield stack
        finally:
            _keep_base(state)


def read_process(stack: Stack, component: str) -> psutil.Process:
    """Find the process of a component as the supervisor wrote it down."""
    components = json.loads((stack.state / "run" / "status.json").read_text())["components"]
    return psutil.Process(next(item["pid"] for item in components if item["name"] == component))


def read_address(stack: Stack, component: str) -> str:
    """Find the inner address of a component."""
    return f"http://127.0.0.1:{json.loads((stack.state / 'run' / 'ports.json').read_text())[component]}"


def _measure_memory(stack: Stack) -> list[Figure]:
    used = {name: read_process(stack, name).memory_full_info() for name in SERVICES}
    return [
        *(Figure(f"idle {name}, resident", info.rss / MIB, "MiB") for name, info in used.items()),
        Figure("idle services together, resident", sum(i.rss for i in used.values()) / MIB, "MiB", at_most=300),
        Figure("idle services together, shared pages in parts", sum(i.pss for i in used.values()) / MIB, "MiB"),
    ]


@contextmanager
def _temporary_state() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="heliostat-bench-"))
    try:
        yield folder / "state"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _keep_base(state: Path) -> None:
    """Keep the base environment for the next benchmark; it is content-addressed and takes a while to make."""
    if (state / "base").exists():
        shutil.rmtree(_KEPT_BASE, ignore_errors=True)
        _KEPT_BASE.parent.mkdir(exist_ok=True)
        shutil.move(state / "base", _KEPT_BASE)
