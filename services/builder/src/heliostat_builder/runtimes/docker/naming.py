"""Names and labels in the engine; from the labels, what there is can be told without any database."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from heliostat_containers import ImageSummary
from heliostat_core.contracts.events import EnvironmentCreated

from ...domain.plans import FilesPlan

ROLE = "heliostat.role"
"""``build`` on containers that build; images made of them say ``environment`` or ``content`` instead, because servers
started from an image carry its labels."""

BASE = "heliostat.base"
"""On the lab image, and all that is made on it: where what runs the server is."""

BUILD = "heliostat.build"
INSTANCE = "heliostat.instance"
ENVIRONMENT = "heliostat.environment"
CONTENT = "heliostat.content"
IMAGE = "heliostat.image"
RECIPE = "heliostat.recipe"
PYTHON = "heliostat.python"
LOCK = "heliostat.lock"

ORIGIN = "heliostat.origin"
"""On environments that others may begin with: digest of the lab image at the bottom. Empty on all others, so that no
Dockerfile can claim it."""

GENERATION = "heliostat.generation"
"""On the same: how many environments it is on top of."""


@dataclass(frozen=True, slots=True)
class Names:
    """What things of one instance are called; several instances may share an engine, and none touches another's."""

    instance: str

    @property
    def prefix(self) -> str:
        """How the names of all images begin."""
        return f"heliostat-{self.instance}/"

    def environment(self, environment_id: str) -> str:
        """Name the image of an environment."""
        return f"{self.prefix}environment:{environment_id}"

    def tell_environment(self, image: ImageSummary) -> str | None:
        """Return the id of the environment that an image is; None where it is not one.

        Anybody's Dockerfile may write any label, also into images that its build leaves behind; names are ours alone.
        """
        environment_id = image.labels.get(ENVIRONMENT)
        return environment_id if environment_id and self.environment(environment_id) in image.names else None

    def content(self, image_name: str) -> str:
        """Name the image of a commit."""
        return f"{self.prefix}{image_name}"

    def container(self, build_id: UUID, attempt: int, step: str) -> str:
        """Name the container of one step of an attempt at a build."""
        return f"heliostat-build-{build_id}-{attempt}-{step}"

    def wheels(self) -> str:
        """Name the volume of wheels that all builds share."""
        return f"heliostat-wheels-{self.instance}"

    def label_build(self, build_id: str) -> dict[str, str]:
        """Label the containers of a build; of all builds, for an empty id."""
        return {ROLE: "build", INSTANCE: self.instance, BUILD: build_id}

    def label_environment(
        self, created: EnvironmentCreated, *, origin: str = "", generation: int = 0
    ) -> dict[str, str]:
        """Write what is recorded of an environment onto its image; ``origin`` where others may begin with it."""
        return {
            ROLE: "environment",
            INSTANCE: self.instance,
            ENVIRONMENT: created.environment_id,
            BUILD: str(created.build_id),
            RECIPE: created.recipe,
            PYTHON: created.python,
            LOCK: created.lock,
            ORIGIN: origin,
            GENERATION: str(generation),
        }

    def label_content(self, files: FilesPlan, build_id: UUID) -> dict[str, str]:
        """Tell the image of a commit from that of its environment, whose other labels it has."""
        return {ROLE: "content", BUILD: str(build_id), CONTENT: files.content_id, IMAGE: files.image_id}


def read_environment_labels(labels: Mapping[str, str], *, size: int, image: str) -> EnvironmentCreated | None:
    """Read it back; None where the labels are not ours."""
    if labels.get(ROLE) not in {"environment", "content"} or ENVIRONMENT not in labels:
        return None
    return EnvironmentCreated(
        environment_id=labels[ENVIRONMENT],
        build_id=UUID(labels[BUILD]) if labels.get(BUILD) else None,
        recipe=labels.get(RECIPE, ""),
        python=labels.get(PYTHON, ""),
        lock=labels.get(LOCK, ""),
        size=size,
        image=image,
    )
