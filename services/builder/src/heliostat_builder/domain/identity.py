"""Ids of environments, contents and images: full SHA-256 digests of all that goes into them, and of nothing else."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Tool = Literal["uv", "repo2docker"]
"""What makes images: our own recipe, or repo2docker."""

RECIPE = "process-1"
"""How environments are made. A change that makes other environments from the same files gets another name."""

ADDED = ("ipykernel", "pip")
"""What every environment has beside its repository's requirements: a kernel to run in, and a way to install more."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of this host; environments are bound to its minor version and platform, not to its patch release."""

    path: str
    version: str
    platform: str

    @property
    def minor(self) -> str:
        """The version without its patch release."""
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything an environment is made from.

    Attributes
    ----------
    start
        Digest of the start script, which is kept in the environment.
    commit
        Set where the repository's own code decides what comes out, so that another commit means another environment.
    repository
        Set together with ``commit``.
    """

    recipe: str
    python: str
    platform: str
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    prerelease: bool = False
    hashed: bool = False
    project: bool = False
    local: bool = False
    post_build: str | None = None
    start: str | None = None
    repository: str | None = None
    commit: str | None = None

    @property
    def builds_repository_code(self) -> bool:
        """Whether installing runs code of the repository, beside postBuild."""
        return self.project or self.local

    @property
    def names_sources(self) -> bool:
        """Whether a requirement is an address of something that has to be built, such as ``git+https://…``."""
        words = (word for line in self.requirements if not line.startswith("--") for word in line.split())
        addresses = (word.partition("#")[0] for word in words if "://" in word)
        return any(not address.endswith(".whl") for address in addresses)

    @property
    def is_told_by_lock(self) -> bool:
        """Whether names and versions say all: nothing runs, and every wheel comes from the operator's own indexes."""
        lines = (*self.requirements, *self.constraints)
        elsewhere = any(line.startswith("--") or "://" in line for line in lines)
        runs = self.builds_repository_code or self.post_build is not None
        return not (runs or elsewhere or self.hashed or self.start is not None)


@dataclass(frozen=True, slots=True)
class ImageInputs:
    """What is particular to images.

    Attributes
    ----------
    tool
        What makes it.
    whole
        Whether the commit's files are part of it.
    base
        Digest of the image it is made on, or its name where the tool chooses.
    files
        Files of the repository it is made from, by path and hash, for a shared image.
    """

    tool: Tool
    whole: bool
    base: str
    files: tuple[tuple[str, str], ...] = ()


def build_environment_id(inputs: Inputs, image: ImageInputs | None = None) -> str:
    """Hash the inputs of an environment."""
    return build_digest(asdict(inputs) if image is None else {"inputs": asdict(inputs), "image": asdict(image)})


def build_content_id(*, repository: str, commit: str, environment_id: str | None) -> str:
    """Hash what a home is filled with; the environment counts where its postBuild writes files."""
    return build_digest({"repository": repository, "commit": commit, "environment": environment_id})


def build_image_id(*, environment_id: str, content_id: str) -> str:
    """Hash an environment and a content."""
    return build_digest({"environment": environment_id, "content": content_id})


def build_image_name(*, provider: str, slug: str, image_id: str) -> str:
    """Build a name people can read, valid in a registry; the whole digest in it makes it unique.

    ``provider`` and ``slug`` are lower-case letters, digits and single dashes.
    """
    name = slug if slug.startswith(f"{provider}-") else f"{provider}-{slug}"
    return f"{name}:{image_id}"


def build_plan_key(recipe: str, interpreters: tuple[Interpreter, ...], *, isolated: bool) -> str:
    """Name the circumstances a plan was made in; a refusal may not hold where there are other interpreters."""
    facts = {"interpreters": sorted((i.minor, i.platform) for i in interpreters), "isolated": isolated}
    return f"{recipe}:{build_digest(facts)[:16]}"


def build_text_digest(data: bytes) -> str:
    """Hash a file of the repository that becomes part of an environment as it is."""
    return hashlib.sha256(data).hexdigest()


def build_digest(value: Any) -> str:
    """Hash a value that can be written as JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
