"""Starts of servers in containers from an image that is there, one and six at once, with what they cost."""

from collections.abc import Sequence
from time import sleep

import psutil

from tests.integration.hub.containers import ContainerStack, running_container_stack
from tests.support.engine import find_obstacle, make_base_image, make_lab_image

from .figures import Figure, percentile
from .starts import CROWD, CROWDED_ROUNDS, ROUNDS, Starts

_ONE = 2.1
_SIX = 6.0
"""Seconds: half of what one took before anything was done about it (2.6-4.2 s), a third of what six took (13-18 s)."""

_MEMORY = 2 * 10**9
_STORAGE = 2 * 2**30


def measure_docker_servers() -> Sequence[Figure]:
    """Start the default server, and note what everything on the machine took until all were ready."""
    if obstacle := find_obstacle():
        raise RuntimeError(obstacle)
    with running_container_stack(make_lab_image(make_base_image()), memory=_MEMORY, storage=_STORAGE) as stack:
        for user in Starts.name_users():
            stack.add_user(user)
        starts = Starts(stack)
        starts.start_together(1)  # the first one reads the image from disk
        starts.delete(1)
        sleep(5)
        inside: list[float] = []
        everything: list[float] = []
        for _ in range(ROUNDS):
            starts.one += starts.start_together(1)
            inside += _read_cpu(stack)
            starts.delete(1)
        for _ in range(CROWDED_ROUNDS):
            begun = _read_busy()
            starts.six.append(max(starts.start_together(CROWD)))
            everything.append((_read_busy() - begun) / CROWD)
            starts.delete(CROWD)
    return [
        Figure("one server p50", percentile(starts.one, 50), "s", at_most=_ONE),
        Figure(f"{CROWD} at once, the last, p50", percentile(starts.six, 50), "s", at_most=_SIX),
        Figure("CPU of one server's container until ready p50", percentile(inside, 50), "s"),
        Figure(f"CPU of the machine per server, {CROWD} at once, p50", percentile(everything, 50), "s"),
    ]


def _read_cpu(stack: ContainerStack) -> list[float]:
    """Return the CPU seconds that the processes of each container, with those that have ended, took."""
    return [sum(_read_times(container["State"]["Pid"])) for container in stack.list_containers()]


def _read_times(pid: int) -> list[float]:
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return [sum(process.cpu_times()[:4]) for process in processes]


def _read_busy() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice - times.steal
