"""The base environment: what runs JupyterLab. Made once per content, beside others, and never changed."""

import asyncio
import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from .config import CHECKOUT
from .errors import BaseEnvironmentBusyError
from .polling import poll_until
from .steps import run_step

__all__ = ["BaseEnvironment"]

LOCK = CHECKOUT / "requirements" / "singleuser.txt"
COLLABORATION_LOCK = CHECKOUT / "requirements" / "collaboration.txt"
EXTENSION = CHECKOUT / "libs" / "singleuser"
UV = CHECKOUT / ".venv" / "bin" / "uv"
RECIPE = "1"  # part of the hash; raise it when the steps below change their result
DEADLINE = timedelta(minutes=10)


class BaseEnvironment:
    """A relocatable virtual environment at `<root>/<hash of lock, extension sources and interpreter>`.

    Parameters
    ----------
    root
        Holds it, and older ones.
    environment
        Environment variables of the tools that make it.
    collaboration
        Whether it has real-time collaboration.
    """

    def __init__(self, root: Path, *, environment: Mapping[str, str], collaboration: bool = False) -> None:
        self._root = root
        self._lock = COLLABORATION_LOCK if collaboration else LOCK
        self._environment = environment
        self._interpreter = Path(os.path.realpath(sys.executable))
        self.path = root / self._read_digest()[:16]

    async def ensure(self) -> None:
        """Make it, unless it exists or another process is at it, which is waited for.

        Raises
        ------
        CommandFailedError
            uv could not make it; the text holds its words.
        BaseEnvironmentBusyError
            The other process does not end.
        """
        if self.path.exists():
            return
        with (self._root / ".lock").open("a") as lock:  # the kernel releases it however we end
            if not await poll_until(lambda: _take(lock), deadline=DEADLINE):
                raise BaseEnvironmentBusyError(root=self._root)
            if not self.path.exists():
                await self._make()

    async def _make(self) -> None:
        """Make it in a staging directory that becomes the environment in one step."""
        staged = self._root / f".staging-{self.path.name}"
        await asyncio.to_thread(shutil.rmtree, staged, ignore_errors=True)
        target = ["--python", str(staged / "bin" / "python")]
        wheels = staged / "wheels"
        await self._uv("venv", "--quiet", "--relocatable", "--python", str(self._interpreter), str(staged))
        await self._uv("pip", "sync", *target, "--quiet", "--require-hashes", "--compile-bytecode", str(self._lock))
        # Built with the control plane's hatchling, so that the environment users see holds no build tools.
        await self._uv(
            "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(wheels),
            str(EXTENSION),
        )  # fmt: skip
        extension = [str(wheel) for wheel in wheels.glob("*.whl")]
        await self._uv("pip", "install", *target, "--quiet", "--no-deps", "--compile-bytecode", *extension)
        await asyncio.to_thread(shutil.rmtree, wheels)
        staged.rename(self.path)
        await asyncio.to_thread(self._prune)

    async def _uv(self, *arguments: str) -> None:
        await run_step(
            f"Making the base environment (uv {arguments[0]})",
            [str(UV), *arguments],
            environment=self._environment,
            directory=CHECKOUT,
            deadline=DEADLINE,
        )

    def _prune(self) -> None:
        """Remove old ones, except the newest of them: servers that outlived an upgrade run on it."""
        others = [path for path in self._root.iterdir() if path.is_dir() and path != self.path]
        for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-1]:
            shutil.rmtree(path)

    def _read_digest(self) -> str:
        digest = hashlib.sha256(f"{RECIPE}\0{sys.version}\0{self._interpreter}".encode())
        sources = sorted(path for path in EXTENSION.rglob("*") if path.is_file() and path.suffix != ".pyc")
        for path in (self._lock, *sources):
            digest.update(f"\0{path.relative_to(CHECKOUT)}\0".encode() + path.read_bytes())
        return digest.hexdigest()


def _take(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
