"""Running the steps of a build where they can harm nothing but the build.

There are two kinds of sandbox. In the *open* one only uv runs, which executes no code of packages when it may use
wheels only; it shares the cache of wheels, by hard links, between all builds. In the *closed* one code of a repository
runs; it sees its own files and its environment, no cache that others use, and no secret of the operator.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic

from heliostat_core.units import format_duration, format_size
from heliostat_runtime import (
    BUILD_IDENTITY,
    Bind,
    ControlGroup,
    ControlGroups,
    HostCapabilities,
    Limits,
    Sandbox,
    SandboxSpec,
)

from ...domain.identity import Interpreter
from ...domain.loglines import LineSplitter, remove_secrets
from ...errors import BuildFailedError

HOME = Path("/home/jovyan")
SOURCE = Path("/src")
_CACHE = Path("/cache")
_SYSTEM = Path("/usr")
_CHUNK = 64 * 1024
_CHECK = timedelta(seconds=2)
_KILL_TIME = timedelta(seconds=5)
_LOADER = ("LD_", "GCONV_PATH")

LineSink = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """What one build may use, and for how long a step may print nothing."""

    memory: int
    processes: int
    silence: timedelta
    free_space: int


@dataclass(frozen=True, slots=True)
class Workplace:
    """The directories of one attempt at a build, all below the staging directory.

    Attributes
    ----------
    root
        Of this attempt; input, output, cache and checkouts are in it.
    staging
        Where the environment is made.
    environment
        Where it will be published, and where the closed sandbox sees it.
    """

    root: Path
    staging: Path
    environment: Path
    interpreter: Interpreter


class BuildSandboxes:
    """Runs steps of builds, in a control group per attempt.

    Parameters
    ----------
    shared
        The staging directory: workplaces, environments being made, and the wheels' cache, on one file system.
    uv
        The uv program.
    environment
        The operator's variables for builds.
    """

    def __init__(
        self,
        *,
        capabilities: HostCapabilities,
        groups: ControlGroups,
        limits: BuildLimits,
        shared: Path,
        uv: Path,
        environment: Mapping[str, str],
        readable: Sequence[Path],
    ) -> None:
        self._sandbox = Sandbox(capabilities)
        self._groups = groups
        self._limits = limits
        self._shared = shared
        self._uv = uv
        self._environment = {n: v for n, v in environment.items() if not n.startswith(_LOADER)}
        self._readable = tuple(Bind(source=path, destination=path) for path in readable)

    @property
    def uv(self) -> str:
        """The uv program, as all sandboxes see it."""
        return str(self._uv)

    @asynccontextmanager
    async def group(self, name: str) -> AsyncIterator[ControlGroup]:
        """Make the control group of one attempt, and leave nothing in it behind."""
        limits = Limits(memory=self._limits.memory, pids=self._limits.processes)
        group = await self._groups.create(name, limits)
        try:
            yield group
        finally:
            await group.kill(_KILL_TIME)
            await group.remove()

    def build_open_spec(self, place: Workplace, *, copies: bool) -> SandboxSpec:
        """Describe the sandbox of uv alone; ``copies`` where a repository's code writes to it later."""
        return SandboxSpec(
            read_only=(*self._programs(place.interpreter), *self._readable),
            writable=(Bind(source=self._shared, destination=self._shared),),
            environment={
                **self._environment,
                **_uv_settings(self._shared / "wheels", "copy" if copies else "hardlink"),
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": "/tmp",  # noqa: S108 the sandbox's own
            },
            working_directory=place.root / "input",
            identity=BUILD_IDENTITY,
            die_with_parent=True,
        )

    def build_closed_spec(self, place: Workplace, *, writable: Mapping[Path, Path], directory: Path) -> SandboxSpec:
        """Describe the sandbox of a repository's code, which sees ``writable`` (place on the host by place inside)."""
        binds = [Bind(source=source, destination=destination) for destination, source in writable.items()]
        return SandboxSpec(
            read_only=(*self._programs(place.interpreter), *self._readable),
            writable=(Bind(source=place.staging, destination=place.environment), *binds),
            environment={
                **remove_secrets(self._environment),
                **_uv_settings(_CACHE, "copy"),
                "PATH": f"{place.environment}/bin:{self._uv.parent}:/usr/local/bin:/usr/bin:/bin",
                "VIRTUAL_ENV": str(place.environment),
                "HOME": str(HOME),
                "XDG_CACHE_HOME": "/tmp/cache",  # noqa: S108 the sandbox's own
                "PYTHONNOUSERSITE": "1",
                "LANG": "C.UTF-8",
            },
            working_directory=directory,
            identity=BUILD_IDENTITY,
            die_with_parent=True,
        )

    async def run(self, spec: SandboxSpec, argv: Sequence[str], *, group: ControlGroup, sink: LineSink) -> int:
        """Run one step to its end, give its lines to the sink, and return its exit status.

        Raises
        ------
        BuildFailedError
            It was silent for too long, or the disk or its memory is full.
        """
        process = await self._sandbox.start(spec, argv, group=group)
        assert process.stdout is not None  # noqa: S101 it is a pipe
        splitter = LineSplitter()
        try:
            async for chunk in self._read(process.stdout):
                for line in splitter.feed(chunk):
                    await sink(line)
            for line in splitter.end():
                await sink(line)
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            await group.kill(_KILL_TIME)
            await process.wait()
        if status and (await group.read_usage()).oom_kills:
            raise BuildFailedError(
                code="out_of_memory",
                message=f"The build needed more than {format_size(self._limits.memory)} of memory",
                remedy="Use packages that have wheels, or ask the operator for a larger BUILD_MEMORY.",
            )
        return status

    async def _read(self, stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
        last = checked = monotonic()
        while True:
            try:
                async with asyncio.timeout(_CHECK.total_seconds()):
                    chunk = await stream.read(_CHUNK)
            except TimeoutError:
                chunk = None
            now = monotonic()
            if now - checked >= _CHECK.total_seconds():
                checked = now
                await self._check_space()
            if chunk is None:
                self._check_silence(now - last)
                continue
            if not chunk:
                return
            last = now
            yield chunk

    def _check_silence(self, seconds: float) -> None:
        if seconds >= self._limits.silence.total_seconds():
            raise BuildFailedError(
                code="build_silent",
                message=f"The build printed nothing for {format_duration(self._limits.silence)} and was stopped",
                remedy="Let long steps print progress.",
            )

    async def _check_space(self) -> None:
        usage = await asyncio.to_thread(shutil.disk_usage, self._shared)
        if usage.free < self._limits.free_space:
            raise BuildFailedError(
                code="out_of_disk",
                message=f"Less than {format_size(self._limits.free_space)} is left on the disk of environments",
                remedy="Make the environment smaller, or ask the operator for space.",
            )

    def _programs(self, interpreter: Interpreter) -> tuple[Bind, ...]:
        prefix = Path(interpreter.path).parent.parent
        paths = [self._uv] if self._uv.is_relative_to(_SYSTEM) is False else []
        if not prefix.is_relative_to(_SYSTEM):
            paths.append(prefix)
        return tuple(Bind(source=path, destination=path) for path in paths if path != Path("/"))


def _uv_settings(cache: Path, link_mode: str) -> dict[str, str]:
    return {
        "UV_CACHE_DIR": str(cache),
        "UV_LINK_MODE": link_mode,
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
