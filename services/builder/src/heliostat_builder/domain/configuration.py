"""repo2docker's configuration files: which count, and which a runtime may have to refuse.

Order and meaning are repo2docker's: files in ``binder/`` or ``.binder/`` replace those at the root; a Dockerfile beats
everything, then Julia, Nix, R, conda, Pipfile, pip.
"""

import tomllib
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from ..errors import UnsupportedConfigurationError
from .requirements import decode_text

DIRECTORIES = ("binder", ".binder")
APT = "apt.txt"
PYTHON_FILES = ("requirements.txt", "runtime.txt", "postBuild", "start", APT)
JULIA_MANIFESTS = ("Manifest.toml", "JuliaManifest.toml")
PROJECT_FILES = ("setup.py", "pyproject.toml")
MAX_TOML_LINE = 4000
NOTICED = (".gitmodules", ".gitattributes")
_DOCKER = "docker"


class Foreign(NamedTuple):
    """A file that asks for more than Python and pip."""

    file: str
    reason: str


# In repo2docker's order of precedence, so that the refusal names the file that decides there.
FOREIGN = (
    Foreign("Dockerfile", "it describes a container image"),
    Foreign("JuliaProject.toml", "it needs Julia"),
    Foreign("Project.toml", "it needs Julia"),
    Foreign("REQUIRE", "it needs Julia"),
    Foreign("default.nix", "it needs Nix"),
    Foreign("install.R", "it needs R"),
    Foreign("DESCRIPTION", "it needs R"),
    Foreign("environment.yml", "it needs conda"),
    Foreign("environment.yaml", "it needs conda"),
    Foreign("Pipfile.lock", "it needs pipenv"),
    Foreign("Pipfile", "it needs pipenv"),
)
_ROOT_ONLY = {"DESCRIPTION"}


class Configuration(NamedTuple):
    """The files that count, as paths from the root; empty where there is none.

    Attributes
    ----------
    directory
        ``binder``, ``.binder``, or nothing for the root.
    foreign
        The file that asks for more than Python and pip, and why; the first in repo2docker's order.
    dependencies
        The project's dependencies when only those are to be installed.
    project
        File because of which the repository itself is installed.
    """

    directory: str
    foreign: Foreign | None
    requirements: str
    runtime: str
    post_build: str
    start: str
    project: str
    dependencies: tuple[str, ...]
    pyproject: str

    @property
    def files(self) -> list[str]:
        """All files that count, in the order in which they are applied; beside the foreign one."""
        named = (self.runtime, self.requirements, self.pyproject, self.project, self.post_build, self.start)
        return list(dict.fromkeys(name for name in named if name))


def list_interesting() -> list[str]:
    """List every path that may matter, so that one question to git answers all."""
    names = [foreign.file for foreign in FOREIGN] + [*PYTHON_FILES, *JULIA_MANIFESTS]
    inside = [f"{directory}/{name}" for directory in DIRECTORIES for name in names]
    return [*DIRECTORIES, *names, *PROJECT_FILES, *NOTICED, *inside]


def find_directory(directories: Collection[str]) -> str:
    """Choose where configuration files are read from.

    Raises
    ------
    UnsupportedConfigurationError
        Both special directories are there.
    """
    present = [name for name in DIRECTORIES if name in directories]
    if len(present) > 1:
        raise UnsupportedConfigurationError(
            file="binder", reason="there is .binder as well, and only one of them may be there", remedy="Remove one."
        )
    return present[0] if present else ""


def find_configuration(directories: Collection[str], files: Mapping[str, bytes]) -> Configuration:
    """Find the files that count.

    Parameters
    ----------
    directories
        Those of `DIRECTORIES` that exist.
    files
        Content of every interesting file that exists, by path.

    Raises
    ------
    UnsupportedConfigurationError
        A file that nobody can honour.
    """
    directory = find_directory(directories)

    def locate(name: str) -> str:
        path = f"{directory}/{name}" if directory else name
        return path if path in files else ""

    foreign = _find_foreign(locate, directory, files)
    installs = not directory and (foreign is None or foreign.file == APT)
    project, dependencies, pyproject = _read_project(files) if installs else ("", (), "")
    return Configuration(
        directory=directory,
        foreign=foreign,
        requirements=locate("requirements.txt"),
        runtime=locate("runtime.txt"),
        post_build=locate("postBuild"),
        start=locate("start"),
        project=project,
        dependencies=dependencies,
        pyproject=pyproject,
    )


def refuse_foreign(configuration: Configuration) -> None:
    """Refuse what only images can have.

    Raises
    ------
    UnsupportedConfigurationError
        There is a file that asks for more than Python and pip.
    """
    if configuration.foreign is not None:
        raise UnsupportedConfigurationError(
            file=configuration.foreign.file, reason=configuration.foreign.reason, runtime=_DOCKER
        )


def read_python_version(path: str, text: str) -> str:
    """Read the minor version a runtime.txt asks for, such as ``3.11``.

    Raises
    ------
    UnsupportedConfigurationError
        It asks for something else than a Python 3.
    """
    wanted = text.strip()
    if wanted.startswith("r-"):
        raise UnsupportedConfigurationError(file=path, reason="it needs R", runtime=_DOCKER)
    parts = wanted.removeprefix("python-").split(".")
    if not wanted.startswith("python-") or len(parts) < 2 or not all(part.isdigit() for part in parts):  # noqa: PLR2004 major and minor
        raise UnsupportedConfigurationError(
            file=path, reason=f"{wanted[:40]!r} names no version", remedy="Write for example python-3.11."
        )
    return ".".join(parts[:2])


def _find_foreign(locate: Callable[[str], str], directory: str, files: Mapping[str, bytes]) -> Foreign | None:
    for foreign in FOREIGN:
        if (path := locate(foreign.file)) and not (directory and foreign.file in _ROOT_ONLY):
            return Foreign(path, foreign.reason)
    if (apt := locate(APT)) and _has_content(files[apt]):
        return Foreign(apt, "system packages cannot be installed for one repository")
    return None


def _read_project(files: Mapping[str, bytes]) -> tuple[str, tuple[str, ...], str]:
    """Return the file because of which the project itself is installed, or else its bare dependencies."""
    if "setup.py" in files:
        return "setup.py", (), ""
    if "pyproject.toml" not in files:
        return "", (), ""
    try:
        document = _load_toml(decode_text(files["pyproject.toml"]))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UnsupportedConfigurationError(
            file="pyproject.toml", reason=f"it is not valid TOML: {error}", remedy="Correct the file."
        ) from error
    project = document.get("project")
    if "build-system" in document:
        return "pyproject.toml", (), ""
    if not isinstance(project, dict):  # settings of tools, nothing to install
        return "", (), ""
    dependencies = project.get("dependencies", [])
    if "dependencies" in project.get("dynamic", []):
        return "pyproject.toml", (), ""
    if not isinstance(dependencies, list) or not all(isinstance(item, str) for item in dependencies):
        raise UnsupportedConfigurationError(
            file="pyproject.toml", reason="project.dependencies is not a list of texts", remedy="Correct the file."
        )
    return "", tuple(dependencies), "pyproject.toml"


def _load_toml(text: str) -> dict[str, Any]:
    # The parser takes time in the square of a key's parts, and a key ends with its line.
    if any(len(line) > MAX_TOML_LINE for line in text.splitlines()):
        raise tomllib.TOMLDecodeError(f"a line is longer than {MAX_TOML_LINE} characters")
    return tomllib.loads(text)


def _has_content(data: bytes) -> bool:
    return any(line.strip() and not line.strip().startswith("#") for line in decode_text(data).splitlines())
