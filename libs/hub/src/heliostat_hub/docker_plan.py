"""What a server's container is created with, as pure functions of the image, the grant and the rules."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from heliostat_core.contracts.policy import Rules

from .plan import PROCESS_LIMIT, build_command, build_options

BASE_LABEL = "heliostat.base"
"""An image's label: the directory of the environment that runs JupyterLab, apart from the repository's."""

COLLABORATION_LABEL = "heliostat.collaboration"
HOME = "/home/jovyan"
PLATFORM = "/opt/heliostat/platform"
"""What images that are not ours lack: the activity extension, shown to them read-only."""

_USER = "1000:1000"
_STOP_SIGNAL = "SIGTERM"
_LOG = {"type": "json-file", "config": {"max-size": "1m", "max-file": "2"}}  # of the host's disk, which no rule limits
_TEMPORARY = {"/tmp": 0.5, "/var/tmp": 0.25, "/run": 0.05}  # noqa: S108
"""What programs must be able to write besides the home, with the part of the memory that it may take: a program that
fills one is told so, while a full memory has the kernel end the server."""


def build_server_command(labels: Mapping[str, str], *, origins: Sequence[str] = ()) -> list[str]:
    """Build the command: of our own environment in the image where it has one, else of the image's JupyterHub."""
    base = labels.get(BASE_LABEL)
    if base:
        return list(build_command(Path(base), origins=origins))
    return ["jupyterhub-singleuser", *build_options(origins=origins)]


def build_platform_variables(labels: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Build the variables by which an image that is not ours finds the extension.

    Parameters
    ----------
    variables
        The image's own, which keep their values behind ours.
    """
    if labels.get(BASE_LABEL):
        return {}
    additions = {"PYTHONPATH": f"{PLATFORM}/site", "JUPYTER_CONFIG_PATH": f"{PLATFORM}/etc/jupyter"}
    return {name: ":".join(filter(None, (ours, variables.get(name)))) for name, ours in additions.items()}


def build_home_variables() -> dict[str, str]:
    """Build the variables that hold for every image, whatever its own say."""
    return {
        "HOME": HOME,
        "JUPYTER_RUNTIME_DIR": "/tmp/jupyter-runtime",  # noqa: S108  kernels start even when the storage is full
    }


def build_container_options(labels: Mapping[str, str]) -> dict[str, Any]:
    """Build what belongs to the container itself."""
    return {"user": _USER, "working_dir": HOME, "labels": dict(labels), "stop_signal": _STOP_SIGNAL}


def build_host_options(rules: Rules, *, writable_image: bool) -> dict[str, Any]:
    """Build limits and isolation, besides the CPU and memory limits that DockerSpawner knows itself.

    The image is read-only, since its writable layer would be storage without a limit; temporary files are memory,
    which counts as the server's.
    """
    options = "rw,exec,nosuid,nodev,mode=1777"
    return {
        "memswap_limit": rules.memory,  # of both together: no swap
        "pids_limit": PROCESS_LIMIT,
        "shm_size": rules.memory // 2,
        "read_only": not writable_image,
        "tmpfs": {path: f"{options},size={int(rules.memory * part)}" for path, part in _TEMPORARY.items()},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "ipc_mode": "private",
        "init": True,
        "restart_policy": {"Name": "no"},
        "log_config": _LOG,
    }
