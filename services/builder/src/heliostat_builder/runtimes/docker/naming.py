"""Names and labels in the engine; from the labels, what there is can be told without any database."""

from collections.abc import Mapping
from uuid import UUID

from heliostat_core.contracts.events import EnvironmentCreated

NAMESPACE = "heliostat"

ROLE = "heliostat.role"
"""``build`` on containers that build; images made of them say ``environment`` or ``content`` instead, because servers
started from an image carry its labels."""

BUILD = "heliostat.build"
ENVIRONMENT = "heliostat.environment"
CONTENT = "heliostat.content"
IMAGE = "heliostat.image"
RECIPE = "heliostat.recipe"
PYTHON = "heliostat.python"
LOCK = "heliostat.lock"


def build_environment_name(environment_id: str) -> str:
    """Name the image of an environment."""
    return f"{NAMESPACE}/environment:{environment_id}"


def build_content_name(image_name: str) -> str:
    """Name the image of a commit."""
    return f"{NAMESPACE}/{image_name}"


def build_container_name(build_id: UUID, attempt: int, step: str) -> str:
    """Name the container of one step of an attempt at a build."""
    return f"{NAMESPACE}-build-{build_id}-{attempt}-{step}"


def build_environment_labels(created: EnvironmentCreated) -> dict[str, str]:
    """Write what is recorded of an environment onto its image."""
    return {
        ROLE: "environment",
        ENVIRONMENT: created.environment_id,
        BUILD: str(created.build_id),
        RECIPE: created.recipe,
        PYTHON: created.python,
        LOCK: created.lock,
    }


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
