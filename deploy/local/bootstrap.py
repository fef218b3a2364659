# ruff: noqa: INP001 -- a script that is run before any package exists
"""Install everything Heliostat needs inside the checkout; does nothing when nothing changed.

Runs on the machine's own Python, before anything is installed, so it uses the standard library only.
``python3 bootstrap.py [--dev]`` makes ``.venv`` (control plane, or control plane and development tools) and
``node_modules`` (JupyterHub's proxy). What was installed is remembered as a hash of all inputs, never as a time.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
VENV = CHECKOUT / ".venv"
PRIVATE = CHECKOUT / ".uv"
STAMP = VENV / "heliostat-stamp"
NODE_STAMP = CHECKOUT / "node_modules" / ".heliostat-stamp"
REQUIREMENTS = CHECKOUT / "requirements"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 18
MEMBERS = ("libs/*", "services/*", "deploy/local")
DEVELOPMENT_ONLY = {"singleuser"}


class BootstrapError(Exception):
    """The machine lacks something; the message says what and what to do."""


def main() -> int:
    """Parse the arguments, install under a lock, and say in one sentence what is missing if it fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dev", action="store_true", help="development tools too (kept by later runs without it)")
    arguments = parser.parse_args()
    try:
        with locked():
            dev = arguments.dev or read_stamp(STAMP).startswith("dev ")
            install_python(dev=dev)
            install_node(dev=dev)
    except BootstrapError as e:
        sys.stderr.write(f"heliostat: {e}\n")
        return 1
    return 0


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Let one bootstrap at a time work on the checkout."""
    PRIVATE.mkdir(exist_ok=True)
    with (PRIVATE / "bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install_python(*, dev: bool) -> None:
    """Bring ``.venv`` to exactly the locked packages, plus the workspace's members as editable."""
    if sys.version_info < OLDEST_PYTHON:
        raise BootstrapError(
            f"Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer is needed, this is {sys.version.split()[0]}. "
            "Install one and run: make PYTHON=/path/to/python3.11 up"
        )
    locks = [REQUIREMENTS / "bootstrap.txt", REQUIREMENTS / ("dev.txt" if dev else "control-plane.txt")]
    members = list_members(dev=dev)
    packages = f"{'dev' if dev else 'run'} {hash_of(locks, extra=str(VENV))}"
    wanted = f"{packages} {hash_of([member / 'pyproject.toml' for member in members], extra='')}"
    installed = read_stamp(STAMP) if (VENV / "bin" / "python").exists() else ""
    if installed == wanted:
        return
    STAMP.unlink(missing_ok=True)
    uv = ensure_uv()
    target = ["--python", str(VENV / "bin" / "python"), "--quiet"]
    if not installed.startswith(packages):
        say("installing the locked Python packages into .venv")
        run([uv, "pip", "sync", *target, "--require-hashes", *map(str, locks)])
    editable = [argument for member in members for argument in ("--editable", str(member))]
    run([uv, "pip", "install", *target, "--no-deps", "--no-build-isolation", *editable])
    STAMP.write_text(wanted)


def install_node(*, dev: bool) -> None:
    """Bring ``node_modules`` to exactly ``package-lock.json``, with or without what only tests need."""
    digest = hash_of([CHECKOUT / "package.json", CHECKOUT / "package-lock.json"], extra="dev" if dev else "")
    if read_stamp(NODE_STAMP) == digest:
        return
    check_node()
    say("installing configurable-http-proxy into node_modules")
    run(
        [
            "npm",
            "ci",
            "--include=dev" if dev else "--omit=dev",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
            "--loglevel=error",
        ]
    )
    NODE_STAMP.write_text(digest)


def list_members(*, dev: bool) -> list[Path]:
    """Return the workspace members to install; the singleuser extension lives in the base environment instead."""
    found = sorted(path.parent for pattern in MEMBERS for path in CHECKOUT.glob(f"{pattern}/pyproject.toml"))
    return [member for member in found if dev or member.name not in DEVELOPMENT_ONLY]


def ensure_uv() -> str:
    """Return the path of uv inside ``.venv``, making both when they are missing or the checkout was moved."""
    uv = VENV / "bin" / "uv"
    python = VENV / "bin" / "python"
    activate = VENV / "bin" / "activate"
    if uv.exists() and python.exists() and str(VENV) in activate.read_text():
        return str(uv)
    say("making .venv")
    shutil.rmtree(VENV, ignore_errors=True)
    hashed = ["install", "--quiet", "--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement"]
    lock = str(REQUIREMENTS / "bootstrap.txt")
    if subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0:
        run([sys.executable, "-m", "venv", str(VENV)])
        run([str(python), "-m", "pip", *hashed, lock])
    elif subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        run([sys.executable, "-m", "venv", "--without-pip", str(VENV)])
        run([sys.executable, "-m", "pip", "--python", str(python), *hashed, lock])
    else:
        raise BootstrapError(
            f"{sys.executable} can make no virtual environment: neither ensurepip nor pip is there. "
            "On Debian or Ubuntu: apt-get install python3-venv"
        )
    return str(uv)


def check_node() -> None:
    """Refuse a missing or too old Node before npm does so less clearly."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise BootstrapError(f"{tool} is missing. On Debian or Ubuntu: apt-get install nodejs npm")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").partition(".")[0]) < OLDEST_NODE:
        raise BootstrapError(f"Node {OLDEST_NODE} or newer is needed, this is {version}.")


def hash_of(files: list[Path], *, extra: str) -> str:
    """Return one SHA-256 over the names and contents of files, this Python's version, and ``extra``."""
    digest = hashlib.sha256(f"{sys.version}\0{extra}".encode())
    for file in files:
        digest.update(f"\0{file.relative_to(CHECKOUT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def read_stamp(path: Path) -> str:
    """Return what was last installed, or an empty string."""
    try:
        return path.read_text()
    except OSError:
        return ""


def run(command: list[str]) -> None:
    """Run one installer with caches it can write, trusting the certificates the machine trusts."""
    environment = {"UV_SYSTEM_CERTS": "1", "UV_NO_PROGRESS": "1", **os.environ}
    if not os.access(Path.home(), os.W_OK):
        environment |= {"UV_CACHE_DIR": str(PRIVATE / "cache"), "npm_config_cache": str(PRIVATE / "npm")}
    result = subprocess.run(command, cwd=CHECKOUT, env=environment, check=False)
    if result.returncode:
        raise BootstrapError(
            f"this failed with code {result.returncode} (its own words are above): {' '.join(command)}"
        )


def say(message: str) -> None:
    """Tell the person waiting what takes the time."""
    sys.stderr.write(f"heliostat: {message}\n")


if __name__ == "__main__":
    sys.exit(main())
