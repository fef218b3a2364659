"""Which Pythons this host has."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from heliostat_core.errors import HeliostatError

from ...domain.identity import Interpreter
from ...storage.commands import run_program

_NAME = re.compile(r"python3\.\d+")
_OLDEST = (3, 8)
_DEADLINE = timedelta(seconds=15)
_QUESTION = (
    "import sys, sysconfig, platform; print(sys.executable); print(platform.python_version());"
    "print(sys.implementation.cache_tag, sysconfig.get_platform(), *platform.libc_ver())"
)


class NoUvError(HeliostatError):
    """There is no uv program."""

    code = "no_uv"

    def __init__(self) -> None:
        super().__init__("The uv program was not found", remedy="Install uv, or set HELIOSTAT_BUILDER_UV to its path.")


async def list_interpreters(configured: Sequence[Path]) -> tuple[Interpreter, ...]:
    """List the interpreters environments can be made with, one per minor version; the first is the default.

    It is the one this process runs on: what serves the platform is there as long as the platform is.
    """
    candidates = await asyncio.to_thread(_list_candidates, configured)
    found: dict[str, Interpreter] = {}
    for path in candidates:
        interpreter = await _probe(path)
        if interpreter is not None:
            found.setdefault(interpreter.minor, interpreter)
    return tuple(found.values())


def find_uv(configured: Path | None) -> Path:
    """Find the uv program: configured, beside this process's Python, or on PATH.

    Raises
    ------
    NoUvError
        It is nowhere.
    """
    beside = Path(sys.executable).with_name("uv")
    found = configured or (beside if beside.is_file() else None) or shutil.which("uv")
    if found is None or not Path(found).is_file():
        raise NoUvError
    return Path(found).resolve()


def _list_candidates(configured: Sequence[Path]) -> list[Path]:
    own = Path(os.path.realpath(sys.executable))
    system = [
        path
        for directory in (Path("/usr/bin"), Path("/usr/local/bin"))
        for path in sorted(directory.glob("python3.*"))
        if _NAME.fullmatch(path.name)
    ]
    paths = [own, *configured, *system]
    return list(dict.fromkeys(Path(os.path.realpath(path)) for path in paths if path.is_file()))


async def _probe(path: Path) -> Interpreter | None:
    try:
        done = await run_program([str(path), "-I", "-S", "-c", _QUESTION], environment={}, deadline=_DEADLINE)
    except (OSError, TimeoutError):
        return None
    lines = done.output.decode(errors="replace").splitlines()
    if done.status or len(lines) != 3 or tuple(map(int, lines[1].split(".")[:2])) < _OLDEST:  # noqa: PLR2004 three answers
        return None
    return Interpreter(path=str(path), version=lines[1], platform=lines[2])
