"""Where things are in the state directory."""

import json
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from .config import LocalConfig
from .errors import UnsafeDirectoryError

__all__ = ["SOCKET_NAME", "StateLayout", "read_json", "write_private"]

SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 107  # bytes; the kernel's sockaddr_un with its closing zero


class StateLayout:
    """Paths below one state directory; :meth:`create` makes the directories, all of them private."""

    def __init__(self, config: LocalConfig) -> None:
        self.root = config.state_dir
        self.secrets = self.root / "secrets"
        self.run = self.root / "run"
        self.logs = self.root / "logs"
        self.postgres = self.root / "postgres"
        self.hub = self.root / "hub"
        self.base = self.root / "base"
        self.credentials = self.root / "credentials.json"
        self.prometheus = self.root / "prometheus"
        self.prometheus_config = self.prometheus / "prometheus.yml"
        self.lock = self.run / "supervisor.lock"
        self.supervisor = self.run / "supervisor.json"
        self.ports = self.run / "ports.json"
        self.processes = self.run / "pids.json"
        self.status = self.run / "status.json"
        self.engine = self.run / "engine.json"
        self.socket_directory = choose_socket_directory(self.run, instance=config.instance)

    def create(self) -> None:
        """Make what is missing; an existing directory loses what others could do with it."""
        for directory in (self.root, self.secrets, self.run, self.logs, self.postgres, self.hub, self.base):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            directory.chmod(0o700)

    def remove_socket_directory(self) -> None:
        """Remove the directory of Postgres's socket once it is empty; it may lie outside the state directory."""
        with suppress(OSError):
            self.socket_directory.rmdir()

    def log(self, component: str) -> Path:
        """Return a component's log file."""
        return self.logs / f"{component}.log"


def choose_socket_directory(run: Path, *, instance: str) -> Path:
    """Return where Postgres's socket goes: the run directory, or a private one of a shorter name elsewhere."""
    inside = run / "postgres"
    if len(os.fsencode(inside / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
        return inside
    return Path(tempfile.gettempdir(), f"heliostat-{os.geteuid()}-{instance}")


def ensure_socket_directory(directory: Path, *, owner: int) -> None:
    """Make the socket directory for the user that Postgres runs as.

    Raises
    ------
    UnsafeDirectoryError
        It exists and is a link, belongs to somebody else or is open to others: in a shared directory that is an attack.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700  # noqa: PLR2004
    if not private or found.st_uid not in {os.geteuid(), owner}:
        raise UnsafeDirectoryError(directory=directory)
    if found.st_uid != owner:
        os.chown(directory, owner, owner)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only this user can read it."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    staged.rename(path)


def read_json(path: Path) -> Any:
    """Read a JSON file; None when it is missing."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
