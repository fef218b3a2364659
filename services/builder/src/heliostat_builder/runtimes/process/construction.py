"""Making an environment: an empty one, a solved lock, its packages, the repository's own steps."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from heliostat_core.contracts.builds import PlanView
from heliostat_runtime import ControlGroup, SandboxSpec

from ...domain.failures import explain_failure, needs_source_build
from ...domain.identity import ADDED
from ...domain.plans import FilesPlan
from ...domain.providers import Revision
from ...errors import BuildFailedError
from ...metrics import BuilderMetrics
from ...services.logs import BuildLog
from ...storage.mirrors import MirrorStorage
from ...storage.workplaces import WorkplaceStorage
from ..compiling import PROGRAM
from .sandboxes import HOME, SOURCE, BuildSandboxes, Workplace

START_SCRIPT = "heliostat-start"
"""Name under which a repository's start script is kept in its environment."""

CONTENT = "content"
"""Directory of a workplace in which the commit's files lie that go into the archive."""

_PLACE = "Using Python "
"""uv's line that says where on the host the environment is being made, which helps nobody."""

_REMEMBERED = 60
"""Last lines of a step that may explain its failure."""


@dataclass(frozen=True, slots=True)
class Construction:
    """One environment being made, while it lasts."""

    plan: PlanView
    files: FilesPlan
    place: Workplace
    group: ControlGroup
    log: BuildLog


class ConstructionService:
    """Makes environments in staging directories; publishing them is another's."""

    def __init__(
        self,
        *,
        sandboxes: BuildSandboxes,
        mirrors: MirrorStorage,
        workplaces: WorkplaceStorage,
        metrics: BuilderMetrics,
        compiles: bool,
        isolated: bool,
    ) -> None:
        self._sandboxes = sandboxes
        self._mirrors = mirrors
        self._workplaces = workplaces
        self._metrics = metrics
        self._compiles = compiles
        self._isolated = isolated

    async def make(self, attempt: Construction) -> str:
        """Make the environment and return its lock: every package with its version.

        Raises
        ------
        BuildFailedError
            The step that failed, and why.
        """
        await self._workplaces.hand_over(attempt.place.staging)
        await self._write_input(attempt)
        await self._begin(attempt)
        skeleton = await self._workplaces.read_skeleton(attempt.place.staging)
        async with self._timed("solve"):
            inputs = attempt.files.inputs
            closed = inputs.builds_repository_code or inputs.names_sources or not await self._solve_wheels(attempt)
            if closed:
                self._check_isolation()
                await self._solve_all(attempt)
        lock = await self._workplaces.read_output(attempt.place.root, "lock.txt")
        async with self._timed("install"):
            await self._install(attempt, closed=closed)
        post_build = attempt.files.inputs.post_build
        if post_build is not None:
            async with self._timed("postbuild"):
                await self._run_post_build(attempt, post_build)
        if self._compiles:
            await self._compile(attempt, closed=closed or post_build is not None)
        await self._check_skeleton(attempt, skeleton)
        await self._keep_start_script(attempt)
        return lock

    async def check_out(self, attempt: Construction, name: str) -> Path:
        """Write the commit's files into the workplace, for the sandbox's user to write to."""
        directory = attempt.place.root / name
        await self._mirrors.checkout(Revision.of(attempt.plan), directory)
        await self._workplaces.hand_over(directory)
        return directory

    async def _write_input(self, attempt: Construction) -> None:
        inputs = attempt.files.inputs
        lines = [*inputs.requirements, *ADDED, *(["."] if inputs.project else [])]
        directory = attempt.place.root / "input"
        for name, content in (("requirements.in", lines), ("constraints.txt", inputs.constraints)):
            text = "".join(f"{line}\n" for line in content)
            await asyncio.to_thread((directory / name).write_text, text, encoding="utf-8")

    async def _begin(self, attempt: Construction) -> None:
        interpreter = attempt.place.interpreter
        await attempt.log.say("install", f"Python {interpreter.version} for {interpreter.platform}")
        spec = self._sandboxes.build_open_spec(attempt.place, copies=False)
        argv = [self._sandboxes.uv, "venv", "-q", "--relocatable", "--no-project", "--python", interpreter.path]
        await self._run(attempt, "venv", spec, [*argv, str(attempt.place.staging)], quiet=True)

    async def _solve_wheels(self, attempt: Construction) -> bool:
        """Solve with wheels only, which runs nobody's code; tell whether that was enough."""
        place = attempt.place
        spec = self._sandboxes.build_open_spec(place, copies=False)
        argv = [*self._build_solve(attempt, place.staging, place.root / "input", place.root / "output"), "--no-build"]
        status, lines = await self._collect(attempt, spec, argv)
        if status == 0:
            await self._say_all(attempt, "solve", lines)
            return True
        if not needs_source_build(lines):
            await self._say_all(attempt, "solve", lines)
            raise explain_failure("solve", lines, status=status)
        await attempt.log.say("solve", "Something has no wheel for this Python; it is built in a sandbox of its own.")
        return False

    def _check_isolation(self) -> None:
        if not self._isolated:
            raise BuildFailedError(
                code="solve_failed",
                message="A requirement has to be built, which runs its code, and this host cannot isolate that",
                remedy="Require packages that have wheels, or use a host with bubblewrap.",
            )

    async def _solve_all(self, attempt: Construction) -> None:
        spec = await self._build_source_spec(attempt)
        argv = self._build_solve(attempt, attempt.place.environment, Path("/input"), Path("/output"))
        await self._run(attempt, "solve", spec, argv)

    def _build_solve(self, attempt: Construction, environment: Path, source: Path, target: Path) -> list[str]:
        inputs = attempt.files.inputs
        argv = [
            self._sandboxes.uv,
            "pip",
            "compile",
            "--no-header",
            "--no-annotate",
            "--python",
            f"{environment}/bin/python",
        ]
        argv += ["--output-file", str(target / "lock.txt"), str(source / "requirements.in")]
        argv += ["--constraint", str(source / "constraints.txt")] if inputs.constraints else []
        argv += ["--prerelease", "allow"] if inputs.prerelease else []
        return [*argv, *(["--generate-hashes"] if inputs.hashed else [])]

    async def _install(self, attempt: Construction, *, closed: bool) -> None:
        place = attempt.place
        if closed:
            spec, environment, lock = (
                await self._build_source_spec(attempt),
                place.environment,
                Path("/output/lock.txt"),
            )
        else:
            # A postBuild may write to what was installed, so then nothing of it may be the cache's own files.
            copies = attempt.files.inputs.post_build is not None
            spec = self._sandboxes.build_open_spec(place, copies=copies)
            environment, lock = place.staging, place.root / "output/lock.txt"
        argv = [self._sandboxes.uv, "pip", "sync", "--python", f"{environment}/bin/python", str(lock)]
        await self._run(attempt, "install", spec, [*argv, *([] if closed else ["--no-build"])])

    async def _build_source_spec(self, attempt: Construction) -> SandboxSpec:
        """Describe the sandbox in which packages and the repository itself are built, with a cache of their own."""
        root = attempt.place.root
        source = root / "source"
        if not await asyncio.to_thread(source.exists):
            if attempt.files.inputs.builds_repository_code:
                await self.check_out(attempt, "source")
            else:
                await asyncio.to_thread(source.mkdir)
                await self._workplaces.hand_over(source)
        writable: Mapping[Path, Path] = {
            SOURCE: source,
            HOME: root / "home",
            Path("/input"): root / "input",
            Path("/output"): root / "output",
            Path("/cache"): root / "cache",
        }
        return self._sandboxes.build_closed_spec(attempt.place, writable=writable, directory=SOURCE)

    async def _run_post_build(self, attempt: Construction, script: str) -> None:
        home = await self.check_out(attempt, CONTENT)
        await attempt.log.say("postbuild", f"Running {script}")
        await asyncio.to_thread((home / script).chmod, 0o755)
        spec = self._sandboxes.build_closed_spec(attempt.place, writable={HOME: home}, directory=HOME)
        # The shell runs a script without a first line that names its interpreter, as repo2docker's does.
        await self._run(attempt, "postbuild", spec, ["/bin/sh", "-c", 'exec "$0"', f"{HOME}/{script}"])

    async def _keep_start_script(self, attempt: Construction) -> None:
        if attempt.files.start is None:
            return
        files = await self._mirrors.read_files(Revision.of(attempt.plan), [attempt.files.start])
        await self._workplaces.keep_script(attempt.place.staging, START_SCRIPT, files[attempt.files.start])

    async def _check_skeleton(self, attempt: Construction, skeleton: Mapping[str, str]) -> None:
        if await self._workplaces.read_skeleton(attempt.place.staging) != skeleton:
            raise BuildFailedError(
                code="environment_damaged",
                message="The build replaced the environment's own interpreter or directories",
                remedy="Install packages with pip; leave bin/python and pyvenv.cfg as they are.",
            )

    async def _compile(self, attempt: Construction, *, closed: bool) -> None:
        """Compile all modules: servers may not write to the environment, and would compile anew at every start."""
        place = attempt.place
        argv = [place.interpreter.path, "-I", "-S", "-c", PROGRAM]
        if closed:
            spec = self._sandboxes.build_closed_spec(place, writable={}, directory=place.environment)
            argv += [str(place.environment / "lib")]
        else:
            spec = self._sandboxes.build_open_spec(place, copies=False)
            argv += [str(place.staging / "lib"), str(place.staging), str(place.environment)]
        await self._collect(attempt, spec, argv)

    async def _run(
        self, attempt: Construction, phase: str, spec: SandboxSpec, argv: Sequence[str], *, quiet: bool = False
    ) -> None:
        last: deque[str] = deque(maxlen=_REMEMBERED)

        async def take(line: str) -> None:
            last.append(line)
            if not (quiet or line.startswith(_PLACE)):
                await attempt.log.add(phase, line)

        status = await self._sandboxes.run(spec, argv, group=attempt.group, sink=take)
        if status:
            raise explain_failure(phase, list(last), status=status)

    async def _collect(self, attempt: Construction, spec: SandboxSpec, argv: Sequence[str]) -> tuple[int, list[str]]:
        lines: deque[str] = deque(maxlen=5000)

        async def take(line: str) -> None:
            lines.append(line)

        status = await self._sandboxes.run(spec, argv, group=attempt.group, sink=take)
        return status, list(lines)

    async def _say_all(self, attempt: Construction, phase: str, lines: Sequence[str]) -> None:
        for line in lines:
            await attempt.log.add(phase, line)

    @asynccontextmanager
    async def _timed(self, phase: str) -> AsyncIterator[None]:
        begun = monotonic()
        try:
            yield
        finally:
            self._metrics.phases.labels(phase).observe(monotonic() - begun)
