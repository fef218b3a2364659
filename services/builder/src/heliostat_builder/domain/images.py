"""From a commit's files to what an image of it is made from, by which tool, and whether commits can share it.

An image is *whole* when the repository's own code or Dockerfile decides what is in it: then the commit's files are put
into it while it is built, and another commit means another image. Otherwise the environment is shared, and the
commit's files are one layer on top of it.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from ..errors import RequirementNotUnderstoodError, UnsupportedConfigurationError
from .configuration import APT, FOREIGN, JULIA_MANIFESTS, PYTHON_FILES, Configuration, read_python_version
from .identity import (
    ImageInputs,
    Inputs,
    Tool,
    build_content_id,
    build_digest,
    build_environment_id,
    build_image_id,
    build_text_digest,
)
from .plans import FilesPlan, list_warnings, read_requirements
from .requirements import Requirements, decode_text

UV_RECIPE = "docker-uv-1"
REPO2DOCKER_RECIPE = "docker-repo2docker-1"

_WITH_CODE = {"Dockerfile", "install.R", "DESCRIPTION", "default.nix"}
"""Files that are, or run, code of the repository, which may read any other file of it."""

_POINTS_INSIDE = re.compile(
    r"""
      ^\s*-\s*(?:-[er]\b|--(?:requirement|editable|constraint)\b|-c\b|\.{1,2}(?:/|\[|\s*$)|file:|/)
                                                                         # pip's, in YAML
    | ^\s*["']?(?:path|editable|file)["']?\s*[:=]                          # TOML and JSON
    | \b(?:path|editable|file)\s*=\s*["'{t]                               # tables in one line
    | ^\[sources\]                                                        # Julia's
    """,
    re.MULTILINE | re.VERBOSE,
)
_ADD = re.compile(r"^\s*(?:ONBUILD\s+)?ADD\s+(.*)$", re.MULTILINE | re.IGNORECASE)
_JULIA_PROJECTS = {"Project.toml", "JuliaProject.toml"}
_PACKAGE = re.compile(r"^uuid\s*=", re.MULTILINE)
"""What a Julia project has that is itself a package, so that its own files are loaded."""

_TEXTS = (".yml", ".yaml", ".txt", ".toml", "REQUIRE", "Pipfile")


@dataclass(frozen=True, slots=True)
class Tools:
    """What this runtime makes images with.

    Attributes
    ----------
    preferred
        For repositories that either tool can do.
    base, python
        Digest and Python version of the image our own recipe builds on.
    repo2docker, repo2docker_base
        Version, and the image it builds on.
    """

    preferred: Tool
    platform: str
    base: str
    python: str
    repo2docker: str
    repo2docker_base: str

    @property
    def python_minor(self) -> str:
        """The version of our own recipe's Python without its patch release."""
        return ".".join(self.python.split(".")[:2])


def build_image_plan(
    *, repository: str, commit: str, configuration: Configuration, files: Mapping[str, bytes], tools: Tools
) -> FilesPlan:
    """Decide what a commit's image is made from.

    Raises
    ------
    UnsupportedConfigurationError
        A file that nobody can honour, such as requirements from outside the repository.
    """
    requirements, strange = _read_requirements(configuration, files)
    tool = _choose_tool(configuration, files, tools, strange=strange)
    plan = _plan_uv if tool == "uv" else _plan_repo2docker
    inputs, image, forced_by = plan(configuration, files, requirements, tools, strange)
    if forced_by:
        inputs = replace(inputs, repository=repository, commit=commit)
    environment_id = build_environment_id(inputs, image)
    content_id = build_content_id(
        repository=repository, commit=commit, environment_id=environment_id if image.whole else None
    )
    named = [configuration.foreign.file] if configuration.foreign else []
    return FilesPlan(
        environment_id=environment_id,
        content_id=content_id,
        image_id=build_image_id(environment_id=environment_id, content_id=content_id),
        inputs=inputs,
        forced_by=forced_by,
        start=configuration.start or None,
        config_files=tuple(dict.fromkeys([*named, *configuration.files, *requirements.files])),
        warnings=tuple(list_warnings(configuration, requirements, files)),
        urls=(*requirements.urls, *_list_added(configuration, files)),
        image=image,
    )


def build_tools_key(tools: Tools) -> str:
    """Name the circumstances plans are made in."""
    return f"{UV_RECIPE}:{build_digest(asdict(tools))[:16]}"


def list_tree(configuration: Configuration, files: Mapping[str, bytes], requirements: Requirements) -> list[str]:
    """List the files a shared environment is made from; nothing else is shown to the tool that makes it."""
    prefix = f"{configuration.directory}/" if configuration.directory else ""
    names = [foreign.file for foreign in FOREIGN] + [*PYTHON_FILES, *JULIA_MANIFESTS]
    inside = [f"{prefix}{name}" for name in names] + ([] if prefix else ["pyproject.toml"])
    return sorted({path for path in [*inside, *requirements.files] if path in files})


def _choose_tool(
    configuration: Configuration, files: Mapping[str, bytes], tools: Tools, *, strange: str | None
) -> Tool:
    if configuration.foreign is not None or strange is not None:
        return "repo2docker"
    if configuration.runtime:
        try:
            wanted = read_python_version(configuration.runtime, decode_text(files[configuration.runtime]))
        except UnsupportedConfigurationError:
            return "repo2docker"
        if wanted != tools.python_minor:
            return "repo2docker"
    return tools.preferred


def _plan_uv(
    configuration: Configuration,
    files: Mapping[str, bytes],
    requirements: Requirements,
    tools: Tools,
    strange: str | None,  # noqa: ARG001 both plans are called alike
) -> tuple[Inputs, ImageInputs, str | None]:
    forced_by = configuration.post_build or configuration.project or requirements.local or None
    start = configuration.start
    inputs = Inputs(
        recipe=UV_RECIPE,
        python=tools.python_minor,
        platform=tools.platform,
        requirements=tuple(requirements.lines),
        constraints=tuple(requirements.constraints),
        prerelease=requirements.prerelease,
        hashed=requirements.hashed,
        project=bool(configuration.project),
        local=requirements.local is not None,
        post_build=configuration.post_build or None,
        start=build_text_digest(files[start]) if start else None,
    )
    started = ((start, build_text_digest(files[start])),) if start else ()
    return inputs, ImageInputs(tool="uv", whole=bool(forced_by), base=tools.base, files=started), forced_by


def _plan_repo2docker(
    configuration: Configuration,
    files: Mapping[str, bytes],
    requirements: Requirements,
    tools: Tools,
    strange: str | None,
) -> tuple[Inputs, ImageInputs, str | None]:
    forced_by = _find_forcing(configuration, files, requirements) or strange
    inputs = Inputs(
        recipe=f"{REPO2DOCKER_RECIPE}+{tools.repo2docker}",
        python="",
        platform=tools.platform,
        requirements=tuple(requirements.lines),
        constraints=tuple(requirements.constraints),
        prerelease=requirements.prerelease,
        hashed=requirements.hashed,
    )
    if forced_by:
        return inputs, ImageInputs(tool="repo2docker", whole=True, base=tools.repo2docker_base), forced_by
    # What requirements files mean is in the inputs already, without their comments and names.
    tree = [path for path in list_tree(configuration, files, requirements) if path not in requirements.files]
    hashed = tuple((path, build_text_digest(_normalise(path, files[path]))) for path in tree)
    return inputs, ImageInputs(tool="repo2docker", whole=False, base=tools.repo2docker_base, files=hashed), None


def _find_forcing(configuration: Configuration, files: Mapping[str, bytes], requirements: Requirements) -> str | None:
    """Find the file because of which the image depends on more of the repository than its dependency files."""
    foreign = configuration.foreign
    if foreign is not None and foreign.file.rpartition("/")[2] in _WITH_CODE:
        return foreign.file
    if configuration.post_build or configuration.project or requirements.local:
        return configuration.post_build or configuration.project or requirements.local
    for path in list_tree(configuration, files, requirements):
        name = path.rpartition("/")[2]
        if name in _WITH_CODE:
            return path
        if path in requirements.files or name in PYTHON_FILES or name == "pyproject.toml":
            continue
        text = decode_text(files[path])
        if _POINTS_INSIDE.search(text) or (name in _JULIA_PROJECTS and _PACKAGE.search(text)):
            return path
    return None


def _list_added(configuration: Configuration, files: Mapping[str, bytes]) -> list[str]:
    """List the addresses a Dockerfile adds files from: the engine itself fetches them, from where it is."""
    path = configuration.foreign.file if configuration.foreign else ""
    if path.rpartition("/")[2] != "Dockerfile":
        return []
    text = re.sub(r"[\\`][ \t]*\r?\n", " ", decode_text(files[path]))  # either may continue a line
    added = [found[1] for found in _ADD.finditer(text)]
    if any("$" in sources for sources in added):
        raise UnsupportedConfigurationError(
            file=path,
            reason="ADD uses a variable, so that it cannot be told where it fetches from",
            remedy="Write the address itself, or use COPY, or RUN with curl.",
        )
    return [address.strip("\"',[]") for sources in added for address in sources.split() if "://" in address]


def _read_requirements(configuration: Configuration, files: Mapping[str, bytes]) -> tuple[Requirements, str | None]:
    """Read the requirements, and name the file that is not understood here and left to pip itself."""
    if configuration.foreign is not None and configuration.foreign.file.rpartition("/")[2] != APT:
        return Requirements(), None
    try:
        return read_requirements(configuration, files), None
    except RequirementNotUnderstoodError as error:
        return Requirements(), str(error.details["file"])


def _normalise(path: str, data: bytes) -> bytes:
    """Leave out comments, blank lines and line ends of a file in which they mean nothing."""
    if not path.endswith(_TEXTS):
        return data
    lines = (line.rstrip() for line in decode_text(data).splitlines())
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("#")).encode()
