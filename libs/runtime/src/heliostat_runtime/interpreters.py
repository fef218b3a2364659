"""Virtual environments as they lie on disk, and the interpreters they need."""

import os
from pathlib import Path

from .errors import EnvironmentMissingError
from .limits import Frozen
from .sandbox_spec import Bind

__all__ = ["VirtualEnvironment", "interpreter_binds", "interpreter_prefixes", "read_environment"]

SYSTEM = (Path("/usr"), Path("/bin"), Path("/lib"))
DEBIAN_WHEELS = Path("/usr/share/python-wheels")
MAX_LINKS = 40  # as the kernel's own limit


class VirtualEnvironment(Frozen):
    """What a virtual environment says about itself; `pip_wheel` stands in where pip is not installed in it."""

    path: Path
    interpreter: Path
    version: str
    site_packages: Path
    pip_wheel: Path | None


def read_environment(path: Path) -> VirtualEnvironment:
    """Read a virtual environment (blocking).

    Raises
    ------
    EnvironmentMissingError
        It is not there or is not a virtual environment.
    """
    site_packages = next(iter(sorted(path.glob("lib/python3.*/site-packages"))), None)
    if site_packages is None or not (path / "pyvenv.cfg").is_file():
        raise EnvironmentMissingError(path=path)
    version = site_packages.parent.name.removeprefix("python")
    interpreter = _follow(path / "bin/python")[-1]
    has_pip = (site_packages / "pip").is_dir()
    wheel = None if has_pip else _find_pip_wheel(interpreter.parent.parent, version)
    return VirtualEnvironment(
        path=path, interpreter=interpreter, version=version, site_packages=site_packages, pip_wheel=wheel
    )


def interpreter_prefixes(environment: Path) -> tuple[Path, ...]:
    """List the directories outside an environment, and outside the system's, that its python needs (blocking)."""
    hops = [hop.parent.parent for hop in _follow(environment / "bin/python")[1:]]
    homes = [Path(line.split("=", 1)[1].strip()).parent for line in _settings(environment) if line.startswith("home")]
    found = [*hops, *homes, *(path.resolve() for path in [*hops, *homes])]
    return tuple(dict.fromkeys(p for p in found if p != Path("/") and not _is_within(p, (*SYSTEM, environment))))


def interpreter_binds(environment: Path) -> tuple[Bind, ...]:
    """Build the read-only binds that let an environment's python run in a sandbox, at their own places."""
    return tuple(Bind(source=path, destination=path) for path in interpreter_prefixes(environment))


def _settings(environment: Path) -> list[str]:
    try:
        return (environment / "pyvenv.cfg").read_text().splitlines()
    except FileNotFoundError as e:
        raise EnvironmentMissingError(path=environment) from e


def _follow(link: Path) -> list[Path]:
    hops = [link]
    while hops[-1].is_symlink() and len(hops) < MAX_LINKS:
        hops.append(Path(os.path.normpath(hops[-1].parent / hops[-1].readlink())))
    return hops


def _is_within(path: Path, parents: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(parent) for parent in parents)


def _find_pip_wheel(prefix: Path, version: str) -> Path | None:
    bundled = sorted((prefix / f"lib/python{version}/ensurepip/_bundled").glob("pip-*.whl"))
    return next(iter(bundled or sorted(DEBIAN_WHEELS.glob("pip-*.whl"))), None)
