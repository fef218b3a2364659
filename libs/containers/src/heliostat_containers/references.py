"""Names of images and containers, checked before they become part of an address."""

import re

from .errors import InvalidReferenceError

__all__ = ["build_reference", "split_name"]

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,511}")


def build_reference(name: str) -> str:
    """Return the name as it is, since it can only be a name.

    Raises
    ------
    InvalidReferenceError
        It has a character that would mean something else in an address, or is longer than 512.
    """
    if not _REFERENCE.fullmatch(name) or ".." in name:
        raise InvalidReferenceError(name=name)
    return name


def split_name(name: str) -> tuple[str, str]:
    """Split `host:5000/repository:tag` into the repository and the tag, `latest` where there is none."""
    repository, colon, tag = build_reference(name).rpartition(":")
    if not colon or "/" in tag:
        return name, "latest"
    return repository, tag
