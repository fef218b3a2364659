"""What the process runtime can refuse or fail with."""

from datetime import timedelta
from pathlib import Path

__all__ = [
    "ArchiveError",
    "EnvironmentMissingError",
    "HostCommandError",
    "RuntimeHostError",
    "ServerStartError",
    "ServerStopError",
    "UidsExhaustedError",
    "VolumeBusyError",
    "VolumeMissingError",
]


class RuntimeHostError(Exception):
    """Base of everything this package raises on purpose.

    Attributes
    ----------
    code
        Stable, machine-readable name.
    message
        One sentence a user can read.
    remedy
        What would make it pass.
    """

    code = "runtime_host_error"

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class HostCommandError(RuntimeHostError):
    """A program of the host (mkfs, mount, bwrap, ...) failed or took too long."""

    code = "host_command_failed"

    def __init__(self, *, program: str, status: int | None, output: str) -> None:
        outcome = "did not finish in time" if status is None else f"ended with status {status}"
        super().__init__(
            f"{program} {outcome}: {output.strip()[-500:] or 'no output'}",
            remedy=f"Look at the message of {program} and at the host's kernel log.",
        )
        self.status = status


class VolumeMissingError(RuntimeHostError):
    """There is no such volume (any more)."""

    code = "volume_missing"

    def __init__(self, *, volume_id: str) -> None:
        super().__init__(f"Volume {volume_id} does not exist", remedy="Create the server again.")


class VolumeBusyError(RuntimeHostError):
    """A server runs on the volume, or another operation on it has not finished."""

    code = "volume_busy"

    def __init__(self, *, volume_id: str) -> None:
        super().__init__(f"Volume {volume_id} is in use by a server", remedy="Stop the server first.")


class UidsExhaustedError(RuntimeHostError):
    """Every uid of the configured range belongs to a volume."""

    code = "uids_exhausted"

    def __init__(self, *, first: int, last: int) -> None:
        super().__init__(
            f"All {last - first + 1} user ids from {first} to {last} belong to volumes",
            remedy="Delete servers that are no longer needed, or configure a larger range.",
        )


class EnvironmentMissingError(RuntimeHostError):
    """A directory that a server or a build needs is not there."""

    code = "environment_missing"

    def __init__(self, *, path: Path) -> None:
        super().__init__(f"The environment {path.name} is not on this host", remedy="Build the environment again.")


class ArchiveError(RuntimeHostError):
    """The repository's files cannot be put into an archive."""

    code = "contents_not_archivable"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The repository's files cannot be archived: {reason}", remedy="Fetch the commit again.")


class ServerStartError(RuntimeHostError):
    """The server's process could not be brought up to its command."""

    code = "server_start_failed"

    def __init__(self, reason: str, *, remedy: str = "Look at the server's log and start it again.") -> None:
        super().__init__(f"The server could not be started: {reason}", remedy=remedy)


class ServerStopError(RuntimeHostError):
    """Processes of the server are still there after they were killed."""

    code = "server_stop_failed"

    def __init__(self, *, volume_id: str, waited: timedelta) -> None:
        super().__init__(
            f"The server on volume {volume_id} still has processes {waited.total_seconds():g} s after SIGKILL",
            remedy="They wait for the kernel (usually for a disk); stop the server again later.",
        )
