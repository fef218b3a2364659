"""Requirements files as pip reads them, reduced to what they mean: no comments, blanks, line ends or file names.

The order of lines is kept, because for pip it matters. Includes (``-r``) are replaced by what they include, so two
repositories that write the same requirements in different files have the same environment.
"""

import codecs
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ..errors import RequirementNotUnderstoodError, UnsupportedConfigurationError

MAX_FILES = 50
MAX_LINE = 32_768
"""Characters of one line; one with a hundred hashes has some 8000. Parsing takes time in its square."""

_COMMENT = re.compile(r"(?:^|\s)#.*$")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_OPTION = re.compile(r"(--[a-z-]+|-[a-z])[=\s]?\s*(.*)")
_HASH = re.compile(r"\s--hash[= ]\s*(\S+)")
_ADDRESS = re.compile(r"(?:[a-z0-9]+\+)?(?:https?:|[a-z][a-z0-9]*:[/\\])\S*", re.IGNORECASE)
_LOCAL = re.compile(r"(?:\.{0,2}/|\.{1,2}$|\.{1,2}\[|file:|~)")
_ARCHIVE = re.compile(r"[^\s@]+(?:\.whl|\.tar\.gz|\.zip)(?:\s|$)")
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_IGNORED = {"--prefer-binary", "--trusted-host", "--require-hashes", "--use-feature"}
_LONG = {"-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-i": "--index-url", "-f": "--find-links"}
_KEPT = {"--index-url", "--extra-index-url", "--find-links", "--no-binary", "--only-binary"}

LineKind = Literal["requirement", "constraint", "include", "local", "option", "pre", "ignored"]


class Line(NamedTuple):
    """One logical line: what it is, and its normal form (the path of an include)."""

    kind: LineKind
    text: str


@dataclass(slots=True)
class Requirements:
    """What requirements files say together.

    Attributes
    ----------
    lines, constraints
        In order, normalised.
    local
        The first file with a line that points into the repository.
    """

    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    local: str | None = None
    prerelease: bool = False

    @property
    def hashed(self) -> bool:
        """Whether any requirement is pinned to hashes."""
        return any(" --hash=" in line for line in self.lines)

    @property
    def urls(self) -> list[str]:
        """The addresses something would be downloaded from, beside the index."""
        return [found for line in [*self.lines, *self.constraints] for found in _ADDRESS.findall(line)]


def decode_text(data: bytes) -> str:
    """Decode a text file as pip does: a byte order mark decides, else UTF-8."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    return data.decode("utf-8", errors="replace")


def list_includes(data: bytes, path: str) -> list[str]:
    """List the files a requirements file includes, as paths from the root of the repository."""
    return [line.text for line in parse_lines(data, path) if line.kind in {"include", "constraint"}]


def collect_requirements(files: Mapping[str, bytes], path: str) -> Requirements:
    """Put a requirements file and all it includes together; ``files`` holds every one of them.

    Raises
    ------
    UnsupportedConfigurationError
        A line the process runtime cannot honour, or an include that is not there.
    """
    found = Requirements()
    _collect(files, path, found, constraint=False, above=())
    return found


def _collect(
    files: Mapping[str, bytes], path: str, found: Requirements, *, constraint: bool, above: tuple[str, ...]
) -> None:
    if path in above:
        return
    if path not in files:
        raise UnsupportedConfigurationError(
            file=above[-1] if above else path, reason=f"{path} is not in the repository"
        )
    if path not in found.files:
        found.files.append(path)
    for line in parse_lines(files[path], path):
        if line.kind in {"include", "constraint"}:
            is_constraint = constraint or line.kind == "constraint"
            _collect(files, line.text, found, constraint=is_constraint, above=(*above, path))
        else:
            _add(line, path, found, constraint=constraint)


def _add(line: Line, path: str, found: Requirements, *, constraint: bool) -> None:
    if line.kind == "ignored":
        found.warnings.append(f"{path}: {line.text} has no effect here")
    elif line.kind == "pre":
        found.prerelease = True
    else:
        if line.kind == "local":
            found.local = found.local or path
        (found.constraints if constraint else found.lines).append(line.text)


def parse_lines(data: bytes, path: str) -> Iterator[Line]:
    """Read the logical lines of one file.

    Raises
    ------
    UnsupportedConfigurationError
        A line that would leave the repository, read a variable, or is an option that is not known.
    """
    for text in _join(decode_text(data)):
        if len(text) > MAX_LINE:
            raise RequirementNotUnderstoodError(file=path, reason=f"a line is longer than {MAX_LINE} characters")
        if _VARIABLE.search(text):
            raise RequirementNotUnderstoodError(
                file=path,
                reason="a line refers to an environment variable, and builds have none of yours",
                remedy="Write the value itself.",
            )
        yield _parse_option(text, path) if text.startswith("-") else _parse_requirement(text, path)


def _join(text: str) -> Iterator[str]:
    pending = ""
    for raw in text.splitlines():
        # As in pip, a comment ends a continuation, and a backslash inside a comment does not begin one.
        if raw.endswith("\\") and not raw.lstrip().startswith("#"):
            pending += raw[:-1]
            continue
        joined = " ".join(_COMMENT.sub("", pending + raw).split())
        pending = ""
        if joined:
            yield joined
    if joined := " ".join(_COMMENT.sub("", pending).split()):
        yield joined


def _parse_option(text: str, path: str) -> Line:  # noqa: PLR0911 one return per kind of option
    match = _OPTION.fullmatch(text)
    name, value = (match[1], match[2].strip("\"' ")) if match else (text, "")
    name = _LONG.get(name, name)
    if name in {"--requirement", "--constraint"} and value:
        return Line("include" if name == "--requirement" else "constraint", _inside(value, path))
    if name == "--editable" and value:
        return (
            Line("local", f"-e {_local(value, path)}") if not _is_remote(value) else Line("requirement", f"-e {value}")
        )
    if name == "--pre":
        return Line("pre", name)
    if name in _IGNORED:
        return Line("ignored", name)
    if name == "--no-index" and not value:
        return Line("option", name)
    if name in _KEPT and value:
        if name == "--find-links" and not _is_remote(value):
            return Line("local", f"{name} {_local(value, path)}")
        return Line("option", f"{name} {value}")
    raise RequirementNotUnderstoodError(file=path, reason=f"the option {name[:40]!r} is not known here")


def _parse_requirement(text: str, path: str) -> Line:
    hashes = sorted(_HASH.findall(text))
    bare = _HASH.sub("", text).strip()
    if _LOCAL.match(bare) or (not _is_remote(bare) and _ARCHIVE.match(bare)):
        return Line("local", _local(bare, path))
    try:
        requirement = Requirement(bare)
    except (InvalidRequirement, RecursionError):
        return Line("requirement", text)  # the solver says what is wrong with it
    if requirement.url is not None and urlsplit(requirement.url).scheme in {"file", ""}:
        return Line("local", f"{requirement.name} @ {_local(requirement.url, path)}")
    return Line("requirement", " ".join([_write(requirement), *(f"--hash={value}" for value in hashes)]))


def _write(requirement: Requirement) -> str:
    requirement.name = canonicalize_name(requirement.name)
    return str(requirement)


def _is_remote(value: str) -> bool:
    return re.match(r"(?:[a-z0-9]+\+)?(?:https?|ssh|git)://", value) is not None


def _inside(value: str, path: str) -> str:
    if "://" in value:
        raise UnsupportedConfigurationError(file=path, reason="it includes a file from another place")
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), value))
    if found.startswith(("/", "..")):
        raise UnsupportedConfigurationError(file=path, reason=f"{value[:100]!r} is outside the repository")
    return found


def _local(value: str, path: str) -> str:
    if value.startswith(("file:", "/", "~")) or posixpath.normpath(value.partition("[")[0]).startswith(".."):
        raise UnsupportedConfigurationError(file=path, reason=f"{value[:100]!r} is outside the repository")
    return value if value.startswith(".") else f"./{value}"
