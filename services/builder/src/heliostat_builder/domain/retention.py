"""Deciding what goes: what nothing needs, nobody pinned and nobody used for longest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from heliostat_core.contracts.retention import RemovalReason, ShelfKind


@dataclass(frozen=True, slots=True)
class ShelfItem:
    """Something a runtime made and can make again.

    Attributes
    ----------
    id
        The id of the environment, or of the content.
    name
        What the runtime calls it.
    size
        Bytes that go with it.
    environment_id
        Of a content: the environment that cannot go before it.
    build_id
        The build that made it, where the place it is in may be shared with other instances.
    """

    kind: ShelfKind
    id: str
    name: str
    size: int
    created_at: datetime
    environment_id: str | None = None
    build_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item with what is known of its use; ``needed_by`` names servers, builds and launches."""

    item: ShelfItem
    last_used_at: datetime
    pinned: bool = False
    needed_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """An item that has to go, and why."""

    candidate: Candidate
    reason: RemovalReason


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """When to remove: after how long without use, and above how many bytes in all. None is never.

    Attributes
    ----------
    grace
        What was used within this time stays in any case: somebody may be about to say that it is needed.
    """

    age: timedelta | None
    space: int | None
    grace: timedelta


def bind(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Let an environment be used, and needed, as its contents are, and a content be pinned as its environment is."""
    known = list(candidates)
    environments = {each.item.id: each for each in known if each.item.kind is ShelfKind.ENVIRONMENT}
    for content in known:
        below = environments.get(content.item.environment_id or "")
        if below is not None:
            environments[below.item.id] = replace(
                below,
                last_used_at=max(below.last_used_at, content.last_used_at),
                needed_by=tuple(dict.fromkeys([*below.needed_by, *content.needed_by])),
            )
    contents = [each for each in known if each.item.kind is ShelfKind.CONTENT]
    pinned = {each.item.id for each in environments.values() if each.pinned}
    return [
        *(replace(each, pinned=each.pinned or each.item.environment_id in pinned) for each in contents),
        *environments.values(),
    ]


def choose_removals(candidates: Sequence[Candidate], rules: RetentionRules, *, now: datetime) -> list[Removal]:
    """Choose what to remove, in the order in which to remove it: contents never after the environment below them."""
    free = [
        each for each in candidates if not each.pinned and not each.needed_by and each.last_used_at < now - rules.grace
    ]
    free.sort(key=lambda each: (each.last_used_at, each.item.kind is ShelfKind.ENVIRONMENT))
    total = sum(each.item.size for each in candidates)
    removals = []
    for candidate in free:
        if rules.age is not None and candidate.last_used_at < now - rules.age:
            reason = RemovalReason.AGE
        elif rules.space is not None and total > rules.space:
            reason = RemovalReason.SPACE
        else:
            break
        removals.append(Removal(candidate, reason))
        total -= candidate.item.size
    return removals
