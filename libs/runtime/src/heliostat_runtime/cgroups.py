"""Control groups of servers and builds: limits for a process and everything it starts."""

import asyncio
import os
import re
import signal
from datetime import timedelta
from pathlib import Path
from typing import Literal, NamedTuple, Self

from .capabilities import HostCapabilities
from .cgroup_hierarchy import Hierarchy, enable_controllers
from .limits import Limits, Usage
from .waiting import wait_for_condition

__all__ = ["ControlGroup", "ControlGroups"]

PERIOD = 100_000  # microseconds, the kernel's default accounting period for CPU time
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
POLL = timedelta(milliseconds=20)


class ControlGroup(NamedTuple):
    """One group; on version 1 it is a directory in each hierarchy, `directories` maps controller to directory."""

    name: str
    version: Literal[1, 2] | None
    directories: dict[str, Path]

    @property
    def procs_files(self) -> tuple[Path, ...]:
        """The files to write "0" to, before exec, to be inside with all children."""
        return tuple(directory / "cgroup.procs" for directory in self._unique)

    @property
    def _unique(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(self.directories.values()))

    async def read_usage(self) -> Usage:
        """Read what the group has used so far; nothing is known once it is removed."""
        return await asyncio.to_thread(self._read_usage_v1 if self.version == 1 else self._read_usage_v2)

    async def list_pids(self) -> set[int]:
        """List the processes inside."""
        return await asyncio.to_thread(self._list_pids)

    async def kill(self, deadline: timedelta) -> bool:
        """SIGKILL everything inside until nothing is left; False when processes remain at the deadline."""
        return await wait_for_condition(self._kill, deadline=deadline, interval=POLL)

    async def remove(self, deadline: timedelta = timedelta(seconds=2)) -> bool:
        """Remove the empty group; absent is success, False when it is not empty at the deadline."""
        return await wait_for_condition(self._remove, deadline=deadline, interval=POLL)

    def apply(self, limits: Limits) -> None:
        """Make the directories and write the limits (blocking)."""
        for directory in self._unique:
            directory.mkdir(parents=True, exist_ok=True)
        settings = _settings_v1(limits) if self.version == 1 else _settings_v2(limits)
        for controller, name, value in settings:
            file = self._file(controller, name)
            if file is not None and file.exists():  # kernels without swap accounting have no file for it
                file.write_text(value)

    def _kill(self) -> bool:
        pids = self._list_pids()
        for pid in pids:
            _kill(pid)
        return not pids

    def _list_pids(self) -> set[int]:
        return {int(line) for file in self.procs_files for line in _read(file).split()}

    def _remove(self) -> bool:
        for directory in self._unique:
            try:
                directory.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True

    def _read_usage_v1(self) -> Usage:
        nanoseconds = _read(self._file("cpuacct", "cpuacct.usage"))
        memory = _read(self._file("memory", "memory.usage_in_bytes"))
        kills = _read_field(_read(self._file("memory", "memory.oom_control")), "oom_kill")
        return Usage(
            cpu=int(nanoseconds) / 1e9 if nanoseconds else None, memory=int(memory) if memory else None, oom_kills=kills
        )

    def _read_usage_v2(self) -> Usage:
        microseconds = _read_field(_read(self._file("cpu", "cpu.stat")), "usage_usec")
        memory = _read(self._file("memory", "memory.current"))
        kills = _read_field(_read(self._file("memory", "memory.events")), "oom_kill")
        cpu = None if microseconds is None else microseconds / 1e6
        return Usage(cpu=cpu, memory=int(memory) if memory else None, oom_kills=kills)

    def _file(self, controller: str, name: str) -> Path | None:
        directory = self.directories.get(controller)
        return directory / name if directory else None


class ControlGroups:
    """The groups of one instance, `heliostat/<instance>/<name>`; without cgroups they are empty shells."""

    def __init__(self, hierarchy: Hierarchy, instance: str) -> None:
        self._hierarchy = hierarchy
        self._instance = instance

    @classmethod
    def open(cls, capabilities: HostCapabilities, instance: str) -> Self:
        """Use what the host was found to allow."""
        return cls(Hierarchy(capabilities.cgroup_version, dict(capabilities.cgroup_directories)), instance)

    async def create(self, name: str, limits: Limits) -> ControlGroup:
        """Create a group, or take a left-over one, and set its limits."""
        group = self.find(name)
        await asyncio.to_thread(self._apply, group, limits)
        return group

    def find(self, name: str) -> ControlGroup:
        """Return the group of a name, whether it was made or not."""
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name of a control group")
        directories = {key: base / self._instance / name for key, base in self._hierarchy.directories.items()}
        return ControlGroup(name, self._hierarchy.version, directories)

    async def list_(self, prefix: str = "") -> tuple[ControlGroup, ...]:
        """List the existing groups of this instance, also those a crash left behind."""
        names = await asyncio.to_thread(self._list_names, prefix)
        return tuple(self.find(name) for name in sorted(names))

    def _apply(self, group: ControlGroup, limits: Limits) -> None:
        if self._hierarchy.version == 2:  # noqa: PLR2004
            parent = next(iter(group.directories.values())).parent
            parent.mkdir(parents=True, exist_ok=True)
            enable_controllers(parent)
        group.apply(limits)

    def _list_names(self, prefix: str) -> set[str]:
        parents = {base / self._instance for base in self._hierarchy.directories.values()}
        return {
            entry.name
            for parent in parents
            if parent.is_dir()
            for entry in parent.iterdir()
            if entry.is_dir() and entry.name.startswith(prefix)
        }


def _settings_v1(limits: Limits) -> list[tuple[str, str, str]]:
    settings = []
    if limits.cpu is not None:
        settings += [
            ("cpu", "cpu.cfs_period_us", str(PERIOD)),
            ("cpu", "cpu.cfs_quota_us", str(round(limits.cpu * PERIOD))),
        ]
    if limits.memory is not None:
        # Raising needs memsw first, lowering memory first: a fresh group has no limit, so memory comes first.
        settings += [("memory", f"memory.{name}", str(limits.memory)) for name in _MEMORY_FILES_V1]
    if limits.pids is not None:
        settings.append(("pids", "pids.max", str(limits.pids)))
    return settings


def _settings_v2(limits: Limits) -> list[tuple[str, str, str]]:
    settings = []
    if limits.cpu is not None:
        settings.append(("cpu", "cpu.max", f"{round(limits.cpu * PERIOD)} {PERIOD}"))
    if limits.memory is not None:
        settings += [("memory", "memory.max", str(limits.memory)), ("memory", "memory.swap.max", "0")]
    if limits.pids is not None:
        settings.append(("pids", "pids.max", str(limits.pids)))
    return settings


_MEMORY_FILES_V1 = ("limit_in_bytes", "memsw.limit_in_bytes")


def _read(path: Path | None) -> str:
    try:
        return path.read_text() if path else ""
    except OSError:
        return ""


def _read_field(text: str, name: str) -> int | None:
    for line in text.splitlines():
        if line.split()[0] == name:
            return int(line.split()[1])
    return None


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
