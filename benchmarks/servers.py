"""Starts of JupyterLab through a hub: forked beside ordinary ones, one and six at once, with what they cost."""

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep

import psutil
from heliostat_local.base_environment import BaseEnvironment
from heliostat_runtime import ControlGroup, ControlGroups, instance_name, probe_host

from tests.integration.hub.stack import Peers, Stack, wait_for

from .figures import Figure, percentile
from .machine import ROOT
from .services import MIB
from .starts import CROWD, CROWDED_ROUNDS, ROUNDS, Starts

_ONE = 1.3
_SIX = 4.4
"""Seconds: half, and a third, of the least that was measured before servers were forked."""


@dataclass
class _Way(Starts):
    """One way to start servers: a hub of its own, and what was measured at it."""

    groups: ControlGroups = field(kw_only=True)
    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def measure(self, crowd: int) -> list[float]:
        """Start servers at once; note their seconds, and what all processes of each took until all were ready."""
        seconds = self.start_together(crowd)
        groups = asyncio.run(self.groups.list_("server-"))
        self.cpu += [usage.cpu for group in groups if (usage := asyncio.run(group.read_usage())).cpu is not None]
        self.memory += [_measure_memory(group) for group in groups]
        self.delete(crowd)
        return seconds


def measure_servers() -> Sequence[Figure]:
    """Start servers both ways in turn, so that whatever else the machine does meets both."""
    with ExitStack() as resources:
        base = _ensure_base()
        ordinary = resources.enter_context(_running_way(base, fork_servers="false"))
        forked = resources.enter_context(_running_way(base, fork_servers="true"))
        fork_server = wait_for(lambda: _find_fork_server(forked.stack))
        sleep(10)  # it imports for two seconds of CPU, and both hubs settle
        for _ in range(ROUNDS):
            for way in (ordinary, forked):
                way.one += way.measure(1)
        for _ in range(CROWDED_ROUNDS):
            for way in (ordinary, forked):
                way.six += [max(way.measure(CROWD))]
        shared = fork_server.memory_full_info()
    return [
        *_summarise("one server", lambda way: way.one, ordinary, forked, at_most=_ONE),
        *_summarise(f"{CROWD} at once, the last", lambda way: way.six, ordinary, forked, at_most=_SIX),
        *_summarise("CPU of one server until ready", lambda way: way.cpu, ordinary, forked),
        Figure("memory of one server, ordinary, its part of shared pages", percentile(ordinary.memory, 50), "MiB"),
        Figure("memory of one server, forked, its part of shared pages", percentile(forked.memory, 50), "MiB"),
        Figure("fork server, resident", shared.rss / MIB, "MiB"),
    ]


def _summarise(
    name: str, read: Callable[[_Way], list[float]], ordinary: _Way, forked: _Way, *, at_most: float | None = None
) -> list[Figure]:
    before, after = percentile(read(ordinary), 50), percentile(read(forked), 50)
    return [
        Figure(f"{name}, ordinary p50", before, "s"),
        Figure(f"{name}, forked p50", after, "s", at_most=at_most),
        Figure(f"{name}, forked / ordinary", after / before, "", at_most=0.5),
    ]


def _ensure_base() -> Path:
    root = ROOT / "build" / "test-base"
    root.mkdir(parents=True, exist_ok=True)
    base = BaseEnvironment(root, environment={**os.environ})
    asyncio.run(base.ensure())
    return base.path


@contextmanager
def _running_way(base: Path, *, fork_servers: str) -> Iterator[_Way]:
    peers = Peers()
    with tempfile.TemporaryDirectory(prefix="heliostat-bench-") as folder:
        state = Path(folder, "state")
        stack = Stack(state=state, base_environment=base, peers=peers, settings={"FORK_SERVERS": fork_servers})
        with peers.running(), stack.running():
            for user in Starts.name_users():
                stack.add_user(user)
            groups = ControlGroups.open(asyncio.run(probe_host(state)), instance_name(state))
            yield _Way(stack, groups=groups)


def _find_fork_server(stack: Stack) -> psutil.Process | None:
    children = psutil.Process(stack.hub_pid).children()
    return next((child for child in children if "fork-server" in child.cmdline()), None)


def _measure_memory(group: ControlGroup) -> float:
    """Add up what a server's processes have, in MiB; a page of several processes counts in parts."""
    processes = [psutil.Process(pid) for pid in asyncio.run(group.list_pids()) if psutil.pid_exists(pid)]
    return sum(process.memory_full_info().pss for process in processes) / MIB
