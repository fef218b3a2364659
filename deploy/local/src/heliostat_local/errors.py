"""What can go wrong on the way up, each with what to do about it."""

from pathlib import Path

__all__ = [
    "AlreadyRunningError",
    "BaseEnvironmentBusyError",
    "CommandFailedError",
    "ComponentFailedError",
    "DetachedStartError",
    "LocalError",
    "NotReadyError",
    "NotRunningError",
    "PortTakenError",
    "SandboxRefusedError",
    "UnsafeDirectoryError",
]


class LocalError(Exception):
    """Heliostat cannot be started, stopped or asked; the text is for the person at the terminal."""


class AlreadyRunningError(LocalError):
    """Another supervisor holds the state directory."""

    def __init__(self, *, state: Path) -> None:
        super().__init__(
            f"Heliostat already runs with the state directory {state}. "
            "Stop it with 'make down', or start a second one with its own HELIOSTAT_STATE_DIR and HELIOSTAT_PORT."
        )


class BaseEnvironmentBusyError(LocalError):
    """Another process has been making the base environment for longer than that can take."""

    def __init__(self, *, root: Path) -> None:
        super().__init__(f"Another process has been making the base environment in {root} for too long. End it.")


class NotRunningError(LocalError):
    """No supervisor holds the state directory."""

    def __init__(self, *, state: Path) -> None:
        super().__init__(f"Heliostat does not run with the state directory {state}. Start it with 'make up'.")


class PortTakenError(LocalError):
    """The public port belongs to another program."""

    def __init__(self, *, host: str, port: int) -> None:
        super().__init__(
            f"Port {port} on {host} is used by another program. Choose another one: make up HELIOSTAT_PORT={port + 1}"
        )


class SandboxRefusedError(LocalError):
    """Postgres needs a sandbox, as for root, on a host that does not allow one."""

    def __init__(self, *, output: str) -> None:
        super().__init__(
            "Postgres runs neither as root nor as a user without a name, and this host allows no sandbox in which it "
            f"would be somebody else ({output.strip()}). Run 'make up' as an ordinary user instead."
        )


class UnsafeDirectoryError(LocalError):
    """The directory for Postgres's socket exists and somebody else could have put it there."""

    def __init__(self, *, directory: Path) -> None:
        super().__init__(
            f"{directory} is not a private directory of this user. Remove it, or use a shorter HELIOSTAT_STATE_DIR "
            "so that Postgres's socket fits into it."
        )


class CommandFailedError(LocalError):
    """A preparing command failed."""

    def __init__(self, *, purpose: str, output: str) -> None:
        super().__init__(f"{purpose} failed:\n{output.strip()}")


class ComponentFailedError(LocalError):
    """A component did not become ready at the start."""

    def __init__(self, *, component: str, reason: str, log: Path, tail: str) -> None:
        super().__init__(
            f"{component} {reason}. The end of its log, {log}:\n{tail}\n"
            "Nothing is left running. Correct the cause that the log names, then run 'make up' again."
        )


class NotReadyError(LocalError):
    """A component ended, or its deadline passed, before it answered."""


class DetachedStartError(LocalError):
    """The supervisor in the background ended or took too long; it has said why."""

    def __init__(self, *, log: Path) -> None:
        super().__init__(f"Heliostat did not come up. What the supervisor said is above and in {log}")
