"""Names of files in records and archives, made safe."""

import re

MAX_PATH = 1024
"""Bytes of a whole path; what Linux's tools and most file systems can do with is four times as much."""

_MAX_PART = 255
_MAX_DEPTH = 64
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_GIT = re.compile(r"\.git[. ]*|git~[0-9]", re.IGNORECASE)


class UnsafePathError(Exception):
    """The name cannot be used; the text says why."""


def clean_path(name: str) -> str | None:
    """Return a relative path with plain slashes; None for what belongs to a ``.git`` directory, which is left out.

    Raises
    ------
    UnsafePathError
        It is absolute, leads outside, or cannot be a name.
    """
    path = name.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        raise UnsafePathError("its path is absolute")
    if _CONTROL.search(path):
        raise UnsafePathError("its name holds control characters")
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise UnsafePathError("its path leads outside")
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError as error:
        raise UnsafePathError("its name is not text") from error
    if not parts:
        raise UnsafePathError("it has no name")
    if max(sizes) > _MAX_PART or sum(sizes) + len(sizes) > MAX_PATH or len(parts) > _MAX_DEPTH:
        raise UnsafePathError("its path is too long")
    return None if any(_GIT.fullmatch(part) for part in parts) else "/".join(parts)


def check_link(path: str, target: str) -> None:
    """Let a symbolic link at a clean path lead to another place in the same tree, and nowhere else.

    Raises
    ------
    UnsafePathError
        It leads outside, or its target cannot be a path.
    """
    if not target or target.startswith("/") or _CONTROL.search(target) or len(target) > MAX_PATH:
        raise UnsafePathError("it is a link that leads outside")
    parts = [part for part in target.split("/") if part not in {"", "."}]
    ups = next((place for place, part in enumerate(parts) if part != ".."), len(parts))
    # No ".." after a name: that name may itself be a link, and its parent is then another than it seems.
    if ups > path.count("/") or ".." in parts[ups:]:
        raise UnsafePathError("it is a link that leads outside")
