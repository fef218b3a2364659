"""What a server is started with: its specification, its environment variables, its sandbox. All pure."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from .interpreters import VirtualEnvironment, interpreter_binds
from .limits import Frozen, Limits
from .sandbox_spec import HOME, Bind, DataFile, Identity, SandboxSpec
from .volume import VolumeId

__all__ = ["EntryPlan", "GatePlan", "LayerPlan", "ServerSpec", "build_environment", "build_sandbox_spec", "layer_path"]

PROVIDED = Path("/run/heliostat")
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
DEFAULT_VARIABLES = {
    "LANG": "C.UTF-8",
    "TERM": "xterm-256color",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_CACHE_DIR": "1",  # the cache would take the user's storage
}
USER_VARIABLES = {
    "USER": "jovyan",
    "LOGNAME": "jovyan",
    "SHELL": "/bin/bash",
    "JUPYTER_RUNTIME_DIR": "/tmp/jupyter-runtime",  # noqa: S108  # kernels start even when the storage is full
    "PYTHONNOUSERSITE": "1",
}
COMMON_VARIABLES = {**DEFAULT_VARIABLES, **USER_VARIABLES, "HOME": str(HOME)}
"""What sandboxed servers have in common; what a fork server reads while importing should be among it."""
LAYER = Path(".local/share/heliostat/env")


class ServerSpec(Frozen):
    """One server to start.

    Attributes
    ----------
    volume_id
        Its storage; at most one server runs on a volume.
    environment
        The repository's virtual environment (the kernel's); for a plain server the base environment again.
    base_environment
        The virtual environment that runs the server.
    command
        The server; its program is an absolute path in the base environment.
    contents
        Archive of the repository's files, unpacked at the first start only.
    start_script
        The repository's `start` script, which ends with `exec "$@"`.
    environment_variables
        Added to, but never replacing, PATH, HOME and what else makes the environment work.
    read_only
        More of the host to show.
    """

    volume_id: VolumeId
    environment: Path
    base_environment: Path
    command: tuple[str, ...] = Field(min_length=1)
    contents: Path | None = None
    start_script: Path | None = None
    kernel_display_name: str = "Python 3"
    environment_variables: dict[str, str] = Field(default_factory=dict)
    limits: Limits = Limits()
    read_only: tuple[Bind, ...] = ()
    preparation_deadline: timedelta = timedelta(seconds=60)


class LayerPlan(Frozen):
    """The writable virtual environment on top of the read-only one; see `entry.write_layer`."""

    path: Path
    interpreter: Path
    version: str
    site_packages: Path
    pip_wheel: Path | None
    display_name: str


class GatePlan(Frozen):
    """Where a fork server's processes can be spoken to, and for how many seconds they are waited for."""

    descriptor: int
    deadline: float


class EntryPlan(Frozen):
    """What the entry program does inside the sandbox; at a gate it is offered a server."""

    home: Path
    command: tuple[str, ...]
    environment: dict[str, str]
    layer: LayerPlan
    contents_fd: int | None
    report_fd: int
    gate: GatePlan | None


def layer_path(home: Path) -> Path:
    """Return where the writable virtual environment is."""
    return home / LAYER


def build_environment(spec: ServerSpec, *, home: Path) -> dict[str, str]:
    """Build the whole environment of a server."""
    layer = layer_path(home)
    jupyter = [layer / "share/jupyter", spec.environment / "share/jupyter"]
    fixed = {
        **USER_VARIABLES,
        "HOME": str(home),
        "PATH": ":".join([str(layer / "bin"), str(spec.environment / "bin"), *SYSTEM_PATH]),
        "VIRTUAL_ENV": str(layer),
        "JUPYTER_PATH": ":".join(map(str, jupyter)),
    }
    return {**DEFAULT_VARIABLES, **spec.environment_variables, **fixed}


def build_layer(spec: ServerSpec, environment: VirtualEnvironment, *, home: Path) -> LayerPlan:
    """Build the plan of the writable virtual environment."""
    return LayerPlan(
        path=layer_path(home),
        interpreter=environment.interpreter,
        version=environment.version,
        site_packages=environment.site_packages,
        pip_wheel=environment.pip_wheel,
        display_name=spec.kernel_display_name,
    )


def build_sandbox_spec(spec: ServerSpec, *, home: Path, uid: int, entry: bytes, start: bytes | None) -> SandboxSpec:
    """Build the sandbox of a server; the secrets of its environment are not in it (the entry program gets them)."""
    places = (spec.environment, spec.base_environment)
    environments = [Bind(source=path, destination=path) for path in places]
    prefixes = [bind for path in places for bind in interpreter_binds(path)]
    files = [DataFile(destination=PROVIDED / "entry.py", content=entry)]
    if start is not None:
        files.append(DataFile(destination=PROVIDED / "start", content=start, mode=0o555))
    return SandboxSpec(
        read_only=tuple(dict.fromkeys([*environments, *prefixes, *spec.read_only])),
        writable=(Bind(source=home, destination=HOME),),
        data_files=tuple(files),
        environment={"PATH": ":".join(SYSTEM_PATH), "LANG": "C.UTF-8"},
        working_directory=Path("/"),  # the entry program goes to the home itself
        identity=Identity(uid=uid, gid=uid),
        temporary_size=spec.limits.memory,
    )
