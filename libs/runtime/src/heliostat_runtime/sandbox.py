"""The bubblewrap command line of a sandbox, and the plain one where bubblewrap does not work."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .capabilities import SandboxMode
from .sandbox_spec import DataFile, Identity, SandboxSpec

__all__ = ["SystemLayout", "build_drop_arguments", "build_sandbox_options", "read_system_layout"]

SYSTEM_DIRECTORIES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
ETC_ENTRIES = (
    "alternatives",
    "ca-certificates",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "pki",
    "protocols",
    "resolv.conf",
    "services",
    "ssl",
)
SETPRIV = "/usr/bin/setpriv"
SHARED_TEMPORARY = "1777"


class SystemLayout(NamedTuple):
    """The host's top-level system directories: real ones, and links such as /bin to usr/bin."""

    directories: tuple[Path, ...]
    links: tuple[tuple[str, Path], ...]


@cache
def read_system_layout(root: Path = Path("/")) -> SystemLayout:
    """Read how this host lays out its system directories."""
    found = [root / name for name in SYSTEM_DIRECTORIES if (root / name).exists()]
    links = tuple((str(path.readlink()), path) for path in found if path.is_symlink())
    return SystemLayout((root / "usr", *(path for path in found if not path.is_symlink())), links)


def build_sandbox_options(
    spec: SandboxSpec, files: Sequence[tuple[DataFile, int]], *, mode: SandboxMode, layout: SystemLayout
) -> list[str]:
    """Build bubblewrap's options; `files` pairs each data file with the descriptor its content is read from.

    They are meant for `--args`, not for the command line: other users of the host can read that, and the sandbox too.
    """
    options = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--new-session"]
    options += ["--unshare-user", "--cap-drop", "ALL"] if mode == "user" else ["--cap-drop", "ALL", *_setup_rights()]
    options += ["--hostname", spec.hostname, "--clearenv"]
    if spec.die_with_parent:
        options.append("--die-with-parent")
    for directory in layout.directories:
        options += ["--ro-bind", str(directory), str(directory)]
    for target, link in layout.links:
        options += ["--symlink", target, str(link)]
    options += ["--proc", "/proc", "--dev", "/dev", *_temporary(spec, "/dev/shm"), *_temporary(spec, "/tmp")]  # noqa: S108
    options += _mounts(spec, files)
    # Root without its capabilities cannot enter a private directory of another user: it moves there after the drop.
    options += ["--remount-ro", "/", "--chdir", "/" if mode == "root" else str(spec.working_directory)]
    for name, value in spec.environment.items():
        options += ["--setenv", name, value]
    return options


def build_drop_arguments(identity: Identity, working_directory: Path) -> list[str]:
    """Build the steps inside a root-mode sandbox that give up root for good and go to the working directory."""
    return [
        SETPRIV,
        f"--reuid={identity.uid}",
        f"--regid={identity.gid}",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
        "--no-new-privs",
        "/usr/bin/env",
        f"--chdir={working_directory}",
    ]


def _setup_rights() -> Iterator[str]:
    for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
        yield from ("--cap-add", capability)


def _temporary(spec: SandboxSpec, destination: str) -> list[str]:
    size = [] if spec.temporary_size is None else ["--size", str(spec.temporary_size)]
    return ["--perms", SHARED_TEMPORARY, *size, "--tmpfs", destination]


def _mounts(spec: SandboxSpec, files: Sequence[tuple[DataFile, int]]) -> Iterator[str]:
    mounts: list[tuple[Path, list[str]]] = [
        (Path("/etc", name), ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]) for name in ETC_ENTRIES
    ]
    mounts += [
        (file.destination, ["--perms", f"{file.mode:04o}", "--ro-bind-data", str(descriptor), str(file.destination)])
        for file, descriptor in files
    ]
    for option, binds in (("--ro-bind", spec.read_only), ("--bind", spec.writable)):
        mounts += [(bind.destination, [option, str(bind.source), str(bind.destination)]) for bind in binds]
    # A mount hides what was mounted below its place before, so parents come first.
    mounts.sort(key=lambda mount: (len(mount[0].parts), mount[0]))
    places = {destination for destination, _ in mounts} | {Path("/usr"), Path("/proc"), Path("/dev")}
    # bwrap copies the mode of a private source to the parents it makes; the sandbox's user has to get through them.
    for parent in _missing_parents(places):
        yield from ("--perms", "0755", "--dir", str(parent))
    for _, arguments in mounts:
        yield from arguments


def _missing_parents(places: Iterable[Path]) -> list[Path]:
    mounted = set(places)
    parents = {parent for place in mounted for parent in place.parents[:-1]}
    own = {Path("/tmp")}  # noqa: S108
    return sorted(p for p in parents - mounted - own if not mounted & set(p.parents))
