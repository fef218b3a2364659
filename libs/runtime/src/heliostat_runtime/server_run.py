"""What one run of a server leaves on disk, and what can be told about its processes from that."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from .files import PRIVATE_DIRECTORY, PRIVATE_FILE, read_json, remove_tree, write_json
from .limits import Enforcement, Frozen, Limits
from .processes import ProcessIdentity, list_descendants, read_identity
from .volume import VolumeId, server_logs

__all__ = ["ServerRecord", "ServerRun"]

FIRST_IN_NAMESPACE = "1"  # bubblewrap's reaper
COMMAND_IN_NAMESPACE = "2"
START_WINDOW = 10 * os.sysconf("SC_CLK_TCK")  # clock ticks; bubblewrap forks within milliseconds
LOG_END = 500  # bytes shown with a failure
LOG_LIMIT = 10 * 2**20  # bytes; enough for any message one looks for


class ServerRecord(Frozen):
    """One run of a server, written before anything is started; `creator` is the process that started it."""

    volume_id: VolumeId
    created_at: datetime
    creator: ProcessIdentity
    sandboxed: bool
    limits: Limits
    enforcement: tuple[Enforcement, ...]


class ServerRun:
    """The directory of one run: `record.json`, the launcher's `process.json`, bubblewrap's `status`, the `report`."""

    def __init__(self, state: Path, volume_id: VolumeId) -> None:
        self._directory = state / "run" / "servers" / volume_id
        self._log, self._earlier_log = server_logs(state, volume_id)
        self.identity_path = self._directory / "process.json"

    def begin(self, record: ServerRecord) -> None:
        """Write the intent; nothing of an earlier run remains, except its log under another name."""
        remove_tree(self._directory)
        self._directory.mkdir(parents=True, mode=PRIVATE_DIRECTORY)
        self._log.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIRECTORY)
        if self._log.exists():
            self._log.replace(self._earlier_log)
        write_json(self._directory / "record.json", record.model_dump(mode="json"))

    def read(self) -> ServerRecord | None:
        """Return the record, or None when there is no run."""
        document = read_json(self._directory / "record.json")
        return None if document is None else ServerRecord.model_validate(document)

    def remove(self) -> None:
        """Forget the run; its log stays."""
        remove_tree(self._directory)

    @contextmanager
    def outputs(self) -> Iterator[tuple[int, int, int]]:
        """Open the log, the status and the report for the server's processes."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        opened = [os.open(path, flags, PRIVATE_FILE) for path in (self._log, self._status, self._report)]
        try:
            yield opened[0], opened[1], opened[2]
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def outer(self) -> ProcessIdentity | None:
        """Return the process the launcher became: bubblewrap, or without a sandbox the server itself."""
        document = read_json(self.identity_path)
        return None if document is None else ProcessIdentity.model_validate(document)

    def inner(self) -> ProcessIdentity | None:
        """Return the first process of the sandbox: when it ends, the kernel ends everything in the sandbox."""
        outer = self.outer()
        for line in _read_lines(self._status):
            if "child-pid" in line and outer:
                found = read_identity(line["child-pid"])
                # The number may have been used again, for a later process or after a reboot.
                if found and found.boot_id == outer.boot_id and _is_first(found, outer):
                    return found
        return None

    def server(self) -> ProcessIdentity | None:
        """Return the server's own process, the one to ask to stop."""
        inner = self.inner()
        if inner is None:
            return self.outer()
        for pid in list_descendants(inner.pid):
            if _namespace_pid(pid) == COMMAND_IN_NAMESPACE:
                return read_identity(pid)
        return None

    def is_running(self) -> bool:
        """Whether the server itself runs; what it started may still be there when it has ended."""
        return self.exit_code() is None and self.has_processes()

    def has_processes(self) -> bool:
        """Whether the server, or what is left of its sandbox, is there."""
        outer = self.outer()
        return (outer is not None and outer.is_alive()) or self.inner() is not None

    def exit_code(self) -> int | None:
        """Return how the server ended; None when that is not known."""
        return next((line["exit-code"] for line in _read_lines(self._status) if "exit-code" in line), None)

    def reports(self) -> dict[str, Any]:
        """Return what the entry program has said: `populated`, `ready`, `fork`, `error`."""
        return {key: value for line in _read_lines(self._report) for key, value in line.items()}

    def read_log_end(self) -> str:
        """Return the last lines of the log."""
        try:
            with self._log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)  # a server may have written gigabytes
                file.seek(max(size - LOG_END, 0))
                return file.read(LOG_END).decode(errors="replace").strip()
        except FileNotFoundError:
            return ""

    def bound_log(self) -> None:
        """Empty a log that has grown beyond its limit; the server appends, so it goes on at the start."""
        try:
            if self._log.stat().st_size > LOG_LIMIT:
                os.truncate(self._log, 0)
        except FileNotFoundError:
            return

    @property
    def _status(self) -> Path:
        return self._directory / "status"

    @property
    def _report(self) -> Path:
        return self._directory / "report"


def _is_first(found: ProcessIdentity, outer: ProcessIdentity) -> bool:
    age = found.start_time - outer.start_time
    return 0 <= age <= START_WINDOW and found.is_alive() and _namespace_pid(found.pid) == FIRST_IN_NAMESPACE


def _read_lines(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("}")]


def _namespace_pid(pid: int) -> str | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((line.split()[-1] for line in lines if line.startswith("NSpid:")), None)
