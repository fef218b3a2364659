"""repo2docker's recipe: the tool people know, as a child process, building under our limits."""

import asyncio
import json
import os
import re
import sys
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from heliostat_containers import ContainerMissingError, Containers, Engine, Images
from heliostat_core.contracts.events import EnvironmentCreated
from heliostat_core.units import format_duration

from ...domain.configuration import list_interesting
from ...domain.failures import explain_build_failure
from ...domain.loglines import LineSplitter
from ...errors import BuildFailedError, UnsupportedConfigurationError
from ...metrics import BuilderMetrics
from ...services.runtime import Attempt
from ...storage.commands import kill_group
from .errors import translated
from .naming import Names
from .space import SpaceGuard

HOME = "/home/jovyan"
USER, UID = "jovyan", 1000
PHASE = "build"

_CHUNK = 64 * 1024
_REMEMBERED = 200
_BEGINNING = re.compile(r" ---> Running in ([0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class Repo2DockerSettings:
    """What builds may use, and what they are made on; sizes are bytes."""

    url: str
    base: str | None
    cpus: float
    memory: int
    network: str
    silence: timedelta


class Repo2DockerRecipe:
    """Makes images of environments, or of whole repositories."""

    def __init__(
        self,
        *,
        engine: Engine,
        names: Names,
        settings: Repo2DockerSettings,
        space: SpaceGuard,
        metrics: BuilderMetrics,
    ) -> None:
        self._metrics = metrics
        self._names = names
        self._images = Images(engine)
        self._containers = Containers(engine)
        self._space = space
        self._settings = settings

    async def make(self, attempt: Attempt, *, tree: Path, workplace: Path) -> str:
        """Make an image and return its digest.

        Parameters
        ----------
        tree
            The files it is made from.
        workplace
            An empty directory; the child runs there, because repo2docker takes settings from where it runs.

        Raises
        ------
        BuildFailedError
            What failed, as far as the output says.
        """
        await asyncio.to_thread(check_links, tree)
        name = self._names.environment(attempt.files.environment_id)
        argv = await asyncio.to_thread(self._prepare, attempt, name, tree, workplace)
        last: deque[str] = deque(maxlen=_REMEMBERED)
        with self._metrics.phases.labels(PHASE).time():
            status = await self._run(argv, workplace, attempt, last)
        if status:
            raise explain_build_failure(list(last), status=status, memory=self._settings.memory)
        await attempt.log.flush()  # the last moment to learn that the lease was lost
        async with translated():
            return (await self._images.read(name)).digest

    def _prepare(self, attempt: Attempt, name: str, tree: Path, workplace: Path) -> list[str]:
        settings, files = self._settings, attempt.files
        created = EnvironmentCreated(
            environment_id=files.environment_id,
            build_id=attempt.build.id,
            recipe=files.inputs.recipe,
            python="",
            lock="",
            size=None,
        )
        chosen = {
            "Repo2Docker": {"base_image": settings.base} if settings.base else {},
            "ClassicEngine": {
                "labels": self._names.label_environment(created),
                "mark": self._names.label_build(str(attempt.build.id)),
                "host": _name_host(attempt),
                "url": settings.url,
                "memory": settings.memory,
                "cpus": settings.cpus,
                "network": settings.network,
                "builder": os.getpid(),
            },
        }
        config = workplace / "settings.json"
        config.write_text(json.dumps(chosen))
        # Isolated (-I): Python would otherwise take modules from the directory it runs in.
        argv = [sys.executable, "-I", "-m", "repo2docker", "--config", str(config), "--engine", "heliostat"]
        argv += ["--no-run", "--no-clean"]
        argv += ["--user-id", str(UID), "--user-name", USER, "--target-repo-dir", HOME, "--image-name", name]
        return [*argv, str(tree)]

    async def _run(self, argv: list[str], workplace: Path, attempt: Attempt, last: deque[str]) -> int:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=workplace,
            env={"PATH": os.defpath, "HOME": str(workplace), "LANG": "C.UTF-8"},
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101 it is a pipe
        running = RunningStep(self._containers, host=_name_host(attempt))
        end = partial(kill_group, process)  # with its connection, and so the step
        try:
            async with (
                self._space.watching(running.find, stop=end),
                aclosing(self._read_lines(process.stdout)) as lines,
            ):
                async for line in lines:
                    last.append(line)
                    async with translated():
                        await running.see(line)
                    await attempt.log.add(PHASE, line)
                return await process.wait()
        finally:
            await end()

    async def _read_lines(self, stream: asyncio.StreamReader) -> AsyncGenerator[str]:
        splitter = LineSplitter()
        silence = self._settings.silence
        while True:
            try:
                async with asyncio.timeout(silence.total_seconds()):
                    chunk = await stream.read(_CHUNK)
            except TimeoutError as error:
                raise BuildFailedError(
                    code="build_silent",
                    message=f"The build printed nothing for {format_duration(silence)} and was stopped",
                    remedy="Let long steps print progress.",
                ) from error
            for line in splitter.feed(chunk) if chunk else splitter.end():
                if line.strip():
                    yield line.rstrip()
            if not chunk:
                return


class RunningStep:
    """Knows the container of the step that the classic builder runs now.

    The builder's output names it. What a step prints could name any other, so it has to resolve the build's own host.
    """

    def __init__(self, containers: Containers, *, host: str) -> None:
        self._containers = containers
        self._hosts = [f"{host}:127.0.0.1"]
        self._name: str | None = None

    def find(self) -> str | None:
        """Return its id; None before the first."""
        return self._name

    async def see(self, line: str) -> None:
        """Take a line of the build's output into account."""
        found = _BEGINNING.fullmatch(line)
        if found is None:
            return
        try:
            config = await self._containers.read_host_config(found[1])
        except ContainerMissingError:
            return  # it has ended, or never was
        if config.get("ExtraHosts") == self._hosts:
            self._name = found[1]


def _name_host(attempt: Attempt) -> str:
    """Name a host that only the steps of this build know."""
    return f"build-{attempt.build.id}.invalid"


def check_links(tree: Path) -> None:
    """Refuse links out of the repository where repo2docker reads: it reads them on this host, not in a container."""
    root = tree.resolve()
    for name in list_interesting():
        path = tree / name
        if os.path.lexists(path) and not path.resolve().is_relative_to(root):
            raise UnsupportedConfigurationError(file=name, reason="it is a link out of the repository")
