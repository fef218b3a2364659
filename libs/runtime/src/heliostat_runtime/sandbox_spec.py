"""What a sandbox shows and as whom it runs."""

from pathlib import Path

from pydantic import Field, field_validator

from .limits import Frozen

__all__ = ["BUILD_IDENTITY", "HOME", "Bind", "DataFile", "Identity", "SandboxSpec", "build_system_files"]

HOME = Path("/home/jovyan")
USER = "jovyan"


class Bind(Frozen):
    """A file or directory of the host at a place in the sandbox."""

    source: Path
    destination: Path


class DataFile(Frozen):
    """A read-only file that exists in the sandbox only."""

    destination: Path
    content: bytes
    mode: int = 0o444


class Identity(Frozen):
    """Numeric user and group on the host."""

    uid: int
    gid: int


BUILD_IDENTITY = Identity(uid=199_999, gid=199_999)
"""Builds of an instance that runs as root; just below the volumes' range, owner of no volume."""


class SandboxSpec(Frozen):
    """One sandbox. The network is shared with the host, everything else is what is listed here.

    Attributes
    ----------
    environment
        The whole environment; nothing is inherited. With `identity`, root's setup step sees it before it drops its
        rights, so names the dynamic loader obeys are refused.
    identity
        Whom to become when the service runs as root (required then); ignored otherwise.
    temporary_size
        Bytes /tmp and /dev/shm may hold (memory of the sandbox's control group); None: the kernel's default.
    die_with_parent
        Builds end with the builder; servers survive the hub.
    """

    read_only: tuple[Bind, ...] = ()
    writable: tuple[Bind, ...] = ()
    data_files: tuple[DataFile, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    working_directory: Path = HOME
    home: Path = HOME
    identity: Identity | None = None
    hostname: str = "heliostat"
    temporary_size: int | None = None
    die_with_parent: bool = False

    @field_validator("environment")
    @classmethod
    def _refuse_loader_variables(cls, environment: dict[str, str]) -> dict[str, str]:
        refused = sorted(name for name in environment if name.startswith("LD_") or name == "GCONV_PATH")
        if refused:
            raise ValueError(f"{', '.join(refused)} would be obeyed by the sandbox's setup, which has more rights")
        return environment


def build_system_files(spec: SandboxSpec, *, uid: int, gid: int) -> tuple[DataFile, ...]:
    """Build the files of /etc that differ from the host's: the sandbox knows one user and itself."""
    shell = "/bin/bash"
    texts = {
        "passwd": (
            "root:x:0:0:root:/root:/usr/sbin/nologin\n"
            f"{USER}:x:{uid}:{gid}::{spec.home}:{shell}\n"
            "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        ),
        "group": f"root:x:0:\n{USER}:x:{gid}:\nnogroup:x:65534:\n",
        "hosts": f"127.0.0.1 localhost {spec.hostname}\n::1 localhost ip6-localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
        # A login shell (JupyterLab's terminals) must not replace the PATH it was given.
        "profile": 'PS1=\'\\u:\\w\\$ \'\n[ -r "$HOME/.bashrc" ] && [ -n "$BASH" ] && . "$HOME/.bashrc"\n',
    }
    return tuple(DataFile(destination=Path("/etc", name), content=text.encode()) for name, text in texts.items())
