"""The same tests as a user without any rights, when the suite itself runs as root."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import heliostat_runtime
import pytest

NOBODY = 65_534
PYTHON = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: runs the tests of this directory as another user")
def test_everything_holds_for_a_user_without_rights():
    packages = [Path(heliostat_runtime.__file__).parents[1], Path(sysconfig.get_path("purelib"))]
    base = Path("/tmp", f"heliostat-nobody-{os.getpid()}")
    base.mkdir(mode=0o700)
    os.chown(base, NOBODY, NOBODY)
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(base), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTHONPATH"] = ":".join(map(str, packages))
    try:
        reach = subprocess.run([*drop, PYTHON, "-c", "import pytest, heliostat_runtime"], env=environment, check=False)
        if reach.returncode:
            pytest.skip("needs a system python and a checkout that every user can read")
        here = Path(__file__).parent
        suite = [PYTHON, "-m", "pytest", "-q", "-x", f"--confcutdir={here}", f"--basetemp={base / 'tmp'}", str(here)]
        done = subprocess.run(
            [*drop, *suite, "-p", "no:cacheprovider"], env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[-5000:]
    finally:
        shutil.rmtree(base)
