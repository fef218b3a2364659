"""Names of servers: the hub's grammar, and readable names from repositories."""

import re
from collections.abc import Set as AbstractSet

LONGEST_NAME = 30
"""Characters the hub allows; policy may allow fewer."""

DERIVED_LENGTH = 20
"""Characters of a derived name unless policy says fewer."""

_GRAMMAR = re.compile(r"[a-z]([a-z0-9]|-(?!-))*[a-z0-9]?")


def is_server_name(name: str) -> bool:
    """Whether the hub takes this as the name of a named server."""
    return len(name) <= LONGEST_NAME and is_well_formed(name)


def is_well_formed(name: str) -> bool:
    """Whether a name, of whatever length, has only what names of servers may have; how long it may be policy says."""
    return _GRAMMAR.fullmatch(name) is not None


def derive_server_name(slug: str, *, taken: AbstractSet[str], length: int = DERIVED_LENGTH) -> str:
    """Derive a free name of at most ``length`` characters from a repository's slug, ending in ``-2`` and so on."""
    base = re.sub(r"[^a-z0-9]+", "-", slug.lower()).strip("-")
    if not base or not base[0].isalpha():
        base = f"r-{base}".rstrip("-")
    number = 1
    while True:
        suffix = "" if number == 1 else f"-{number}"
        stem = base[: max(length - len(suffix), 1)].rstrip("-")
        name = f"{stem}{suffix}"
        if name not in taken:
            return name
        number += 1
