"""What planning and working on builds need of a runtime: how environments are made, and where they are kept."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from heliostat_core.contracts.builds import PlanDecision
from heliostat_core.contracts.events import EnvironmentCreated

from ..domain.builds import Build
from ..domain.configuration import Configuration
from ..domain.plans import FilesPlan
from ..domain.providers import Revision
from .logs import BuildLog
from .shelf import Shelf


@dataclass(frozen=True, slots=True)
class Tree:
    """What a commit has of the files that may matter; included requirements files are among them."""

    revision: Revision
    configuration: Configuration
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Decision:
    """What is left to do, and the digest of the commit's image where there is one already."""

    todo: PlanDecision
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one build, while it lasts; ``files`` may be an older plan than the build's own."""

    build: Build
    files: FilesPlan
    todo: PlanDecision
    log: BuildLog

    @property
    def number(self) -> int:
        """Which attempt at the build this is, from 1."""
        return self.build.attempt + 1


class Runtime(Protocol):
    """One way of making environments. All of it is safe between processes; what is there is asked, not remembered."""

    shelf: Shelf
    """What it keeps of what it made, to be collected."""

    async def read_key(self) -> str:
        """Name the circumstances plans hold in: the recipe, and what of this host decides what comes out."""

    async def plan(self, tree: Tree) -> FilesPlan:
        """Say what a commit's environment is made from.

        Raises
        ------
        UnsupportedConfigurationError
            A file asks for what this runtime does not have.
        """

    async def decide(self, files: FilesPlan, *, name: str) -> Decision:
        """Say what is missing; ``name`` is the commit's image name."""

    async def build(self, attempt: Attempt) -> str | None:
        """Make what is missing, and return the digest of the commit's image, if the runtime makes images.

        Raises
        ------
        BuildFailedError
            It cannot be made.
        ClientError, UnavailableError
            The commit cannot be fetched, or something needed is away.
        """

    async def discard(self, build_id: str) -> None:
        """Stop and remove whatever is left of a build that has ended; nothing is success."""

    async def list_builds(self) -> Collection[str]:
        """List the ids of builds of which something may be left to discard."""

    async def list_environments(self) -> Collection[str]:
        """List the ids of environments that are there."""

    async def read_environment(self, environment_id: str) -> EnvironmentCreated | None:
        """Read what was recorded with an environment; None when it is not there, or nothing was."""

    async def reconcile(self) -> None:
        """Remove what dead builders left that belongs to no build."""
