"""The program of a build container: a shell script of our own around what the repository asks for. All pure."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...domain.identity import ADDED, Inputs
from ..compiling import PROGRAM
from .steps import GIVEN, MARK
from .toolbox import ENVIRONMENT

HOME = "/home/jovyan"
LOCK_FILE = f"{ENVIRONMENT}/heliostat-lock.txt"
GROUND_FILE = f"{ENVIRONMENT}/heliostat-ground.txt"
"""Written by `SOLVE`: what the lab image has."""
SHARED_CACHE = "/var/cache/uv"
CERTIFICATES = "certificates.pem"

_OWN_CACHE = "/tmp/uv-cache"  # noqa: S108 in the container
_PYTHON = f"{ENVIRONMENT}/bin/python"
_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where the script's own programs are: a package may bring an ``rm``, which must not run beside secrets and cache."""

_NAME = re.compile(r"(?!LD_)[A-Za-z_][A-Za-z0-9_]*")
_TRUSTING = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")

_HEAD = f"""\
set -u
begin() {{ printf '%s%s\\n' "$MARK" "$1"; }}
. {GIVEN}/environment
PYTHON=$(readlink -f "$ENVIRONMENT/bin/python")
"""
_COMPILE = f"""\
begin compile
"$PYTHON" -I -S {GIVEN}/compile.py "$ENVIRONMENT/lib" || true
"""
_END = "rm -rf /tmp/* /tmp/.[!.]*\nexit 0\n"


@dataclass(frozen=True, slots=True)
class Task:
    """What one step does.

    Attributes
    ----------
    lock
        What to install; None to solve first.
    trusted
        No code of anybody's packages runs in it, so it may have the shared cache and secrets, and build nothing.
    may_build
        Packages without a wheel are built.
    installs
        Also installs what it solved.
    """

    lock: bytes | None = None
    trusted: bool = False
    may_build: bool = False
    installs: bool = True


SOLVE = Task(trusted=True, installs=False)
SOURCES = Task(may_build=True)


def build_given(
    inputs: Inputs, task: Task, *, variables: Mapping[str, str], certificates: bytes | None, compiles: bool
) -> dict[str, bytes]:
    """Build all files a step is given."""
    lines = [*inputs.requirements, *ADDED, *(["."] if inputs.project else [])]
    given = {
        "requirements.in": _join(lines),
        "constraints.txt": _join(inputs.constraints),
        "environment": _build_environment(variables, trusts=certificates is not None, shared_cache=task.trusted),
        "compile.py": PROGRAM.encode(),
        "script": build_script(inputs, task, compiles=compiles).encode(),
    }
    given |= {"lock": task.lock} if task.lock is not None else {}
    return given | ({CERTIFICATES: certificates} if certificates is not None else {})


def build_script(inputs: Inputs, task: Task, *, compiles: bool) -> str:
    """Build the script: solve, install, postBuild, compile."""
    no_build = [] if task.may_build else ["--no-build"]
    steps = [_HEAD, f"cd {HOME}\n"]
    if task.lock is None:
        steps += [_build_phase("solve", [*_build_solve(inputs), *no_build])]
    else:
        steps += [f"cat {GIVEN}/lock > {LOCK_FILE} || exit $?\n"]
    if not task.installs:
        ground = shlex.join(["uv", "pip", "freeze", "--python", _PYTHON])
        return "".join([*steps, f"{ground} > {GROUND_FILE} 2> /dev/null || exit $?\n", _END])
    steps += [_build_phase("install", ["uv", "pip", "sync", "--python", _PYTHON, LOCK_FILE, *no_build])]
    if inputs.post_build is not None:
        script = f"{HOME}/{inputs.post_build}"
        steps += [f"chmod +x {shlex.quote(script)}\n"]
        # The shell runs a script without a first line that names its interpreter, as repo2docker's does.
        found = f"PATH={ENVIRONMENT}/bin:{_PATH}"
        steps += [_build_phase("postbuild", ["env", found, "sh", "-c", 'exec "$0"', script])]
    return "".join([*steps, _COMPILE if compiles else "", _END])


def _build_solve(inputs: Inputs) -> list[str]:
    solve = ["uv", "pip", "compile", "--no-header", "--no-annotate", "--python", _PYTHON, "--output-file", LOCK_FILE]
    solve += [f"{GIVEN}/requirements.in"]
    solve += ["--constraint", f"{GIVEN}/constraints.txt"] if inputs.constraints else []
    solve += ["--prerelease", "allow"] if inputs.prerelease else []
    return solve + (["--generate-hashes"] if inputs.hashed else [])


def _build_phase(name: str, argv: Sequence[str]) -> str:
    return f"begin {name}\n{shlex.join(argv)} || exit $?\n"


def _build_environment(variables: Mapping[str, str], *, trusts: bool, shared_cache: bool) -> bytes:
    fixed = {
        "PATH": _PATH,
        "MARK": MARK,
        "ENVIRONMENT": ENVIRONMENT,
        "UV_CACHE_DIR": SHARED_CACHE if shared_cache else _OWN_CACHE,
        "UV_LINK_MODE": "copy",
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "XDG_CACHE_HOME": "/tmp/cache",  # noqa: S108 in the container
    }
    bundle = f"{GIVEN}/{CERTIFICATES}"
    trusted = dict.fromkeys(_TRUSTING, bundle) if trusts else {}
    together = {name: value for name, value in variables.items() if _NAME.fullmatch(name)} | trusted | fixed
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in together.items()).encode()


def _join(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
