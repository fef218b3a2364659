"""Find where on this host control groups may be made (cgroup v1 or v2)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

__all__ = ["Hierarchy", "Mount", "find_hierarchy", "parse_mounts"]

CONTROLLERS = ("cpu", "cpuacct", "memory", "pids")
UNIFIED_CONTROLLERS = ("cpu", "memory", "pids")
PARENT = "heliostat"


class Mount(NamedTuple):
    """One cgroup mount of /proc/self/mountinfo."""

    point: Path
    kind: Literal["cgroup", "cgroup2"]
    controllers: frozenset[str]


class Hierarchy(NamedTuple):
    """A writable parent directory per controller; with version 2 all are the same directory."""

    version: Literal[1, 2] | None
    directories: dict[str, Path]


def parse_mounts(text: str) -> list[Mount]:
    """Read the cgroup mounts of a mountinfo file."""
    mounts = []
    for line in text.splitlines():
        fields, _, tail = line.partition(" - ")
        kind, _, options = tail.split(" ", 2)
        if kind in {"cgroup", "cgroup2"}:
            point = Path(fields.split()[4].encode().decode("unicode_escape"))
            mounts.append(Mount(point, "cgroup2" if kind == "cgroup2" else "cgroup", frozenset(options.split(","))))
    return mounts


def find_hierarchy(*, proc: Path = Path("/proc/self")) -> Hierarchy:
    """Find, and make, the parent directories this process may create groups in; try version 1 first (hybrid hosts)."""
    mounts = parse_mounts((proc / "mountinfo").read_text())
    own = _read_own_groups(proc / "cgroup")
    first = _find_separate(mounts, own)
    if first:
        return Hierarchy(1, first)
    for mount in mounts:
        if mount.kind == "cgroup2" and (parent := _find_unified(mount.point, own.get("", "/"))):
            return Hierarchy(2, dict.fromkeys(UNIFIED_CONTROLLERS, parent))
    return Hierarchy(None, {})


def _read_own_groups(path: Path) -> dict[str, str]:
    lines = (line.split(":", 2) for line in path.read_text().splitlines())
    return {controller: group for _, names, group in lines for controller in names.split(",")}


def _find_separate(mounts: list[Mount], own: dict[str, str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for controller in CONTROLLERS:
        for mount in mounts:
            if mount.kind == "cgroup" and controller in mount.controllers:
                candidates = [mount.point, mount.point / own.get(controller, "/").lstrip("/")]
                if parent := next(filter(None, map(_make_parent, candidates)), None):
                    found[controller] = parent
    return found


def _make_parent(directory: Path) -> Path | None:
    parent = directory / PARENT
    try:
        parent.mkdir(exist_ok=True)
    except OSError:
        return None
    return parent if os.access(parent, os.W_OK | os.X_OK) else None


def _find_unified(mount: Path, own: str) -> Path | None:
    """Return the nearest group, from our own upwards, whose children get all controllers."""
    for directory in _ancestors(mount, own):
        if not enable_controllers(directory):
            continue
        if (parent := _make_parent(directory)) and enable_controllers(parent):
            return parent
    return None


def _ancestors(mount: Path, own: str) -> Iterator[Path]:
    directory = mount / own.lstrip("/")
    while directory != mount.parent:
        yield directory
        directory = directory.parent


def enable_controllers(directory: Path) -> bool:
    """Give a group's children the controllers; refused (EBUSY) while the group has processes, except in the root."""
    try:
        available = (directory / "cgroup.controllers").read_text().split()
        if not set(UNIFIED_CONTROLLERS) <= set(available):
            return False
        (directory / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in UNIFIED_CONTROLLERS))
    except OSError:
        return False
    return True
