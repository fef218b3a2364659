"""The program of a build container: a shell script of our own around what the repository asks for. All pure."""

import re
import shlex
from collections.abc import Mapping, Sequence

from ...domain.identity import ADDED, Inputs
from .steps import GIVEN, MARK
from .toolbox import ENVIRONMENT

HOME = "/home/jovyan"
LOCK = f"{ENVIRONMENT}/heliostat-lock.txt"
SHARED_CACHE = "/var/cache/uv"
CERTIFICATES = "certificates.pem"

_OWN_CACHE = "/tmp/uv-cache"  # noqa: S108 in the container
_PYTHON = f"{ENVIRONMENT}/bin/python"
_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where the script's own programs are: a package may bring an ``rm``, which must not run beside secrets and cache."""

_TESTS = "/tests?/"
"""Modules that are not compiled: a third of what packages bring, and nobody imports it."""

_NAME = re.compile(r"(?!LD_)[A-Za-z_][A-Za-z0-9_]*")
_TRUSTING = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")

_HEAD = f"""\
set -u
begin() {{ printf '%s%s\\n' "$MARK" "$1"; }}
. {GIVEN}/environment
PYTHON=$(readlink -f "$ENVIRONMENT/bin/python")
"""
_COMPILE = """\
begin compile
"$PYTHON" -I -S -m compileall -q -j 0 -x "$TESTS" "$ENVIRONMENT/lib" || true
"""
_END = "rm -rf /tmp/* /tmp/.[!.]*\nexit 0\n"


def build_given(
    inputs: Inputs, *, variables: Mapping[str, str], certificates: bytes | None, shared_cache: bool, compiles: bool
) -> dict[str, bytes]:
    """Build all files a step is given; ``shared_cache`` where no code of anybody's packages may run."""
    lines = [*inputs.requirements, *ADDED, *(["."] if inputs.project else [])]
    given = {
        "requirements.in": _join(lines),
        "constraints.txt": _join(inputs.constraints),
        "environment": _build_environment(variables, trusts=certificates is not None, shared_cache=shared_cache),
        "script": build_script(inputs, shared_cache=shared_cache, compiles=compiles).encode(),
    }
    return given | ({CERTIFICATES: certificates} if certificates is not None else {})


def build_script(inputs: Inputs, *, shared_cache: bool, compiles: bool) -> str:
    """Build the script: solve, install, postBuild, compile."""
    no_build = ["--no-build"] if shared_cache else []
    solve = ["uv", "pip", "compile", "--no-header", "--no-annotate", "--python", _PYTHON, "--output-file", LOCK]
    solve += [f"{GIVEN}/requirements.in"]
    solve += ["--constraint", f"{GIVEN}/constraints.txt"] if inputs.constraints else []
    solve += ["--prerelease", "allow"] if inputs.prerelease else []
    solve += ["--generate-hashes"] if inputs.hashed else []
    install = ["uv", "pip", "sync", "--python", _PYTHON, LOCK]
    steps = [_HEAD, f"cd {HOME}\n"]
    steps += [_build_phase("solve", [*solve, *no_build]), _build_phase("install", [*install, *no_build])]
    if inputs.post_build is not None:
        script = f"{HOME}/{inputs.post_build}"
        steps += [f"chmod +x {shlex.quote(script)}\n"]
        # The shell runs a script without a first line that names its interpreter, as repo2docker's does.
        found = f"PATH={ENVIRONMENT}/bin:{_PATH}"
        steps += [_build_phase("postbuild", ["env", found, "sh", "-c", 'exec "$0"', script])]
    return "".join([*steps, _COMPILE if compiles else "", _END])


def _build_phase(name: str, argv: Sequence[str]) -> str:
    return f"begin {name}\n{shlex.join(argv)} || exit $?\n"


def _build_environment(variables: Mapping[str, str], *, trusts: bool, shared_cache: bool) -> bytes:
    fixed = {
        "PATH": _PATH,
        "MARK": MARK,
        "TESTS": _TESTS,
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
