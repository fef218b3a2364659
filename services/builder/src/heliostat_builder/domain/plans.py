"""From a commit's files to what has to be built for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import UnsupportedConfigurationError
from .configuration import Configuration, read_python_version
from .identity import (
    RECIPE,
    ImageInputs,
    Inputs,
    Interpreter,
    build_content_id,
    build_environment_id,
    build_image_id,
    build_text_digest,
)
from .requirements import Requirements, collect_requirements, decode_text, parse_lines

_LFS = b"filter=lfs"
_BUILDS_CODE = "it runs code while building, and this host cannot isolate that"


@dataclass(frozen=True, slots=True)
class FilesPlan:
    """What a commit's files say, for ever: the part of a plan that can be remembered."""

    environment_id: str
    content_id: str
    image_id: str
    inputs: Inputs
    forced_by: str | None
    start: str | None
    config_files: tuple[str, ...]
    warnings: tuple[str, ...]
    urls: tuple[str, ...]
    image: ImageInputs | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """What this host offers to builds; the first interpreter is the default."""

    interpreters: tuple[Interpreter, ...]
    isolated: bool


def build_files_plan(
    *, repository: str, commit: str, configuration: Configuration, files: Mapping[str, bytes], host: Host
) -> FilesPlan:
    """Decide what a commit's environment is made from, and whether it can be shared between commits.

    Raises
    ------
    UnsupportedConfigurationError
        A file asks for what this host or runtime does not have.
    """
    interpreter = _choose_interpreter(configuration, files, host.interpreters)
    requirements = read_requirements(configuration, files)
    forced_by = configuration.post_build or configuration.project or requirements.local or None
    if forced_by and not host.isolated:
        raise UnsupportedConfigurationError(file=forced_by, reason=_BUILDS_CODE, runtime="docker")
    inputs = Inputs(
        recipe=RECIPE,
        python=interpreter.minor,
        platform=interpreter.platform,
        requirements=tuple(requirements.lines),
        constraints=tuple(requirements.constraints),
        prerelease=requirements.prerelease,
        hashed=requirements.hashed,
        project=bool(configuration.project),
        local=requirements.local is not None,
        post_build=configuration.post_build or None,
        start=build_text_digest(files[configuration.start]) if configuration.start else None,
        repository=repository if forced_by else None,
        commit=commit if forced_by else None,
    )
    environment_id = build_environment_id(inputs)
    content_id = build_content_id(
        repository=repository, commit=commit, environment_id=environment_id if configuration.post_build else None
    )
    return FilesPlan(
        environment_id=environment_id,
        content_id=content_id,
        image_id=build_image_id(environment_id=environment_id, content_id=content_id),
        inputs=inputs,
        forced_by=forced_by,
        start=configuration.start or None,
        config_files=tuple(dict.fromkeys([*configuration.files, *requirements.files])),
        warnings=tuple(list_warnings(configuration, requirements, files)),
        urls=tuple(requirements.urls),
    )


def _choose_interpreter(
    configuration: Configuration, files: Mapping[str, bytes], interpreters: Sequence[Interpreter]
) -> Interpreter:
    if not configuration.runtime:
        return interpreters[0]
    wanted = read_python_version(configuration.runtime, decode_text(files[configuration.runtime]))
    for interpreter in interpreters:
        if interpreter.minor == wanted:
            return interpreter
    there = ", ".join(f"python-{interpreter.minor}" for interpreter in interpreters)
    raise UnsupportedConfigurationError(
        file=configuration.runtime,
        reason=f"there is no Python {wanted} on this host",
        runtime="docker",
        remedy=f"Ask for one of {there}, or leave the file out.",
    )


def read_requirements(configuration: Configuration, files: Mapping[str, bytes]) -> Requirements:
    """Put together what requirements files and pyproject.toml ask for.

    Raises
    ------
    UnsupportedConfigurationError
        A line that cannot be honoured.
    """
    found = collect_requirements(files, configuration.requirements) if configuration.requirements else Requirements()
    dependencies = "\n".join(configuration.dependencies).encode()
    for line in parse_lines(dependencies, configuration.pyproject):
        if line.kind != "requirement":
            raise UnsupportedConfigurationError(
                file=configuration.pyproject, reason=f"{line.text[:80]!r} is not a dependency", remedy="Correct it."
            )
        found.lines.append(line.text)
    return found


def list_warnings(configuration: Configuration, requirements: Requirements, files: Mapping[str, bytes]) -> list[str]:
    """List what the author of a repository should know."""
    warnings = list(requirements.warnings)
    if not (configuration.foreign or configuration.requirements or configuration.project or configuration.pyproject):
        warnings.append("No dependency file was found; the environment has Python and its kernel only.")
    if configuration.pyproject:
        warnings.append("pyproject.toml has no build-system, so its dependencies are installed and itself is not.")
    if ".gitmodules" in files:
        warnings.append("Submodules are not fetched.")
    if _LFS in files.get(".gitattributes", b""):
        warnings.append("Files in Git LFS are not fetched; they are small text pointers.")
    return warnings
