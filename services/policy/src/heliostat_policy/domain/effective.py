"""Which rules are in force for one user and repository, and where each comes from.

For each rule the most specific override that sets it wins. A selector with a user is more specific than any without;
among these, one with a group is more specific than one without; then one with a repository. What is still equal is
decided by the order in the file: the earlier one wins.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from heliostat_core.contracts.policy import Override, PolicyDocument, Rules, Selector

from .document import DEFAULT

_CACHED = 20_000
"""Combinations of user, groups and repository remembered for one policy; about 1 KiB each at most."""


@dataclass(frozen=True, slots=True)
class Effective:
    """Rules, and for each the name of the override (or ``default``) it came from. Shared: do not change ``source``."""

    rules: Rules
    source: dict[str, str]


class PolicyInForce:
    """One version of the policy, ready to be asked.

    Parameters
    ----------
    version
        Its version.
    source
        Its text.
    document
        What was read from the text.
    """

    def __init__(self, *, version: int, source: str, document: PolicyDocument) -> None:
        self.version = version
        self.source = source
        self.document = document
        self._ranked = rank(document.overrides)
        self._resolve = lru_cache(maxsize=_CACHED)(self._resolve_uncached)

    def effective(self, user: str, groups: tuple[str, ...] = (), repository: str | None = None) -> Effective:
        """Resolve the rules in force for a user, in these groups, with this repository (canonical URL)."""
        return self._resolve(user, groups, repository)

    def _resolve_uncached(self, user: str, groups: tuple[str, ...], repository: str | None) -> Effective:
        source = dict.fromkeys(Rules.model_fields, DEFAULT)
        values: dict[str, object] = {}
        for override in self._ranked:
            if matches(override.match, user, groups, repository):
                for name in override.rules.model_fields_set - values.keys():
                    values[name] = getattr(override.rules, name)
                    source[name] = override.name
        return Effective(rules=self.document.default.model_copy(update=values), source=source)


def matches(selector: Selector, user: str, groups: tuple[str, ...], repository: str | None) -> bool:
    """Whether every field the selector gives fits."""
    if selector.user is not None and selector.user != user:
        return False
    if selector.group is not None and selector.group not in groups:
        return False
    return selector.repository is None or (
        repository is not None and _fits(normalise_repository(selector.repository), normalise_repository(repository))
    )


def normalise_repository(url: str) -> str:
    """Strip what does not tell repositories apart: scheme, credentials, case, a final slash and ``.git``."""
    bare = re.sub(r"^[a-z][a-z0-9+.-]*://(?:[^/@]*@)?", "", url.strip().casefold())
    return bare.rstrip("/").removesuffix(".git")


def _fits(pattern: str, text: str) -> bool:
    # Not a regular expression: many stars would make one backtrack for minutes.
    first, *others = pattern.split("*")
    if not others:
        return text == first
    if not text.startswith(first):
        return False
    place = len(first)
    for part in others[:-1]:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(text) - place >= len(others[-1]) and text.endswith(others[-1])


def _specificity(selector: Selector) -> tuple[bool, bool, bool]:
    return (selector.user is not None, selector.group is not None, selector.repository is not None)


def rank(overrides: list[Override]) -> list[Override]:
    """Order overrides from the most to the least specific; equal ones stay in the order of the file."""
    return sorted(overrides, key=lambda override: _specificity(override.match), reverse=True)
