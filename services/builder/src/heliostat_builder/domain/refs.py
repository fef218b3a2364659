"""Refs: what may be one, and which commit one means."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import NewType

from ..errors import BadRefError

Commit = NewType("Commit", str)
"""What a revision is called for ever: a full SHA in lower case, or an id of the provider's API."""

FULL_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""What the full SHA of a commit looks like, in lower case."""

_SHORT = re.compile(r"[0-9a-f]{7,63}")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_SIMILAR = 3


def check_ref(ref: str) -> str:
    """Return the ref to look for, ``HEAD`` when none was given; the rules are those of git-check-ref-format(1).

    Raises
    ------
    BadRefError
        It cannot be a ref, or would be read as an option.
    """
    ref = ref.strip() or "HEAD"
    if ref.startswith("-"):
        raise BadRefError(ref=ref, reason="it begins with a dash")
    if _FORBIDDEN.search(ref) or ref.startswith(("/", ".")) or ref.endswith(("/", ".", ".lock")) or ref == "@":
        raise BadRefError(ref=ref, reason="git does not allow such a name")
    return ref


def read_full_commit(ref: str) -> Commit | None:
    """Return the commit when the ref is a full SHA already."""
    return Commit(ref.lower()) if FULL_COMMIT.fullmatch(ref.lower()) else None


def parse_advertised(text: str) -> dict[str, str]:
    """Read the output of ``git ls-remote``: name to object, ``^{}`` names being what annotated tags point to."""
    pairs = (line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    return {name: sha for sha, name in pairs if FULL_COMMIT.fullmatch(sha)}


def list_candidates(ref: str) -> tuple[str, ...]:
    """List the full names a ref can have, the first that exists being the one: branches before tags."""
    if ref == "HEAD" or ref.startswith("refs/"):
        return (ref,)
    return (f"refs/heads/{ref}", f"refs/tags/{ref}")


def find_commit(advertised: Mapping[str, str], ref: str) -> Commit | None:
    """Find the commit of a ref by its exact name, or by the unique beginning of an advertised SHA."""
    for name in list_candidates(ref):
        for candidate in (f"{name}^{{}}", name):
            if candidate in advertised:
                return Commit(advertised[candidate])
    if not _SHORT.fullmatch(ref.lower()):
        return None
    tag_objects = {advertised[name[:-3]] for name in advertised if name.endswith("^{}") and name[:-3] in advertised}
    matches = {sha for sha in advertised.values() if sha.startswith(ref.lower())} - tag_objects
    return Commit(matches.pop()) if len(matches) == 1 else None


def find_similar(advertised: Mapping[str, str], ref: str) -> list[str]:
    """List branches and tags whose names look like the ref."""
    names = {name.split("/", 2)[2] for name in advertised if name.startswith(("refs/heads/", "refs/tags/"))}
    names = {name.removesuffix("^{}") for name in names}
    usual = [name for name in ("main", "master") if name in names and ref in {"main", "master", "trunk"}]
    return (usual + [name for name in get_close_matches(ref, sorted(names), n=_SIMILAR) if name not in usual])[
        :_SIMILAR
    ]
