"""What this host was found to be able to do."""

from pathlib import Path
from typing import Literal

from .limits import Enforcement, Frozen

__all__ = ["HostCapabilities", "SandboxMode", "StorageBackend"]

SandboxMode = Literal["root", "user"]
StorageBackend = Literal["loop-ext4", "directory", "engine-volume"]


class HostCapabilities(Frozen):
    """The outcome of probing a host once, with a reason for every resource that is not enforced.

    Attributes
    ----------
    uid
        The user this service runs as.
    own_uids
        Whether every volume, and the server on it, gets a uid of its own.
    bwrap
        The bubblewrap program, None when it cannot make a sandbox here.
    cgroup_directories
        Controller to the directory groups are made in.
    """

    uid: int
    own_uids: bool
    bwrap: Path | None
    cgroup_version: Literal[1, 2] | None
    cgroup_directories: dict[str, Path]
    storage_backend: StorageBackend
    isolation: Enforcement
    cpu: Enforcement
    memory: Enforcement
    pids: Enforcement
    storage: Enforcement

    @property
    def sandbox_mode(self) -> SandboxMode | None:
        """How bubblewrap is used; None when it is not usable."""
        if self.bwrap is None:
            return None
        return "root" if self.uid == 0 else "user"

    def as_list(self) -> tuple[Enforcement, ...]:
        """Return the enforcement of each resource, in a fixed order."""
        return (self.isolation, self.cpu, self.memory, self.pids, self.storage)
