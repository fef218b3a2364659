"""The container engine of the machine, and the images tests need: made once per machine, as not all can pull any."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")  # of a network that inspects TLS, where the machine is in one
LABEL = "heliostat.tests"


def find_obstacle() -> str | None:
    """Say why no container engine can be used here; None when one can."""
    if shutil.which("docker") is None:
        return "docker is not installed (root: CI=true make test-packages)"
    asked = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
    if asked.returncode:
        return f"no container engine answers (root: CI=true make test-packages): {asked.stderr.strip()}"
    return None


def make_base_image() -> str:
    """Return the name of a Debian image with Python, git and tini."""
    return _make("debian")


def make_lab_image(base: str) -> str:
    """Return the name of the lab image, from this checkout's files."""
    return _make("build", "lab", BASE_IMAGE=base)


def _make(*command: str, **environment: str) -> str:
    certificates = {"CA_BUNDLE": str(CERTIFICATES)} if CERTIFICATES.exists() else {}
    script = str(CHECKOUT / "deploy" / "images" / command[0])
    with _locked():
        made = subprocess.run(
            [script, *command[1:]],
            env=os.environ | certificates | environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert made.returncode == 0, made.stderr[-4000:]
    return made.stdout.split()[-1]


def main() -> None:
    """Make all of them, or say why not."""
    obstacle = find_obstacle()
    sys.stdout.write(f"heliostat: {obstacle or f'tests have {make_lab_image(make_base_image())}'}\n")


@contextmanager
def _locked() -> Iterator[None]:
    # Two test sessions at once would make the same image twice.
    with Path(tempfile.gettempdir(), "heliostat-test-images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main()
