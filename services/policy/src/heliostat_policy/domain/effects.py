"""What a new policy would change: which rules, and which users and servers would be over a limit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from heliostat_core.contracts.policy import LimitExcess, PolicyDocument, PolicyEffects, RuleChange

from .document import DEFAULT
from .effective import PolicyInForce
from .rules import DEFAULT_SERVER, Rule

_MOST_EXCESSES = 200


@dataclass(frozen=True, slots=True)
class UserUsage:
    """The servers of one user, and the groups the user was last seen in."""

    user: str
    groups: tuple[str, ...]
    servers: tuple[str, ...]

    @property
    def named(self) -> list[str]:
        """Names of the servers that count."""
        return sorted(name for name in self.servers if name != DEFAULT_SERVER)


def build_effects(before: PolicyDocument, after: PolicyInForce, usage: Sequence[UserUsage]) -> PolicyEffects:
    """Compare two policies, and the new one with what exists."""
    return PolicyEffects(
        changes=list(_changes(before, after.document)),
        excesses=list(islice((excess for user in usage for excess in _excesses(after, user)), _MOST_EXCESSES)),
        users_checked=len(usage),
    )


def _changes(before: PolicyDocument, after: PolicyDocument) -> Iterator[RuleChange]:
    old, new = _sections(before), _sections(after)
    for scope in dict.fromkeys([*old, *new]):
        was, will = old.get(scope, {}), new.get(scope, {})
        for rule in dict.fromkeys([*was, *will]):
            if was.get(rule, _ABSENT) != will.get(rule, _ABSENT):
                yield RuleChange(scope=scope, rule=rule, before=was.get(rule), after=will.get(rule))


_ABSENT = object()


def _sections(document: PolicyDocument) -> dict[str, dict[str, Any]]:
    sections = {DEFAULT: document.default.model_dump(mode="json")}
    for override in document.overrides:
        selector = {f"match.{name}": value for name, value in override.match.model_dump(exclude_none=True).items()}
        sections[override.name] = selector | override.rules.model_dump(mode="json", exclude_unset=True)
    return sections


def _excesses(policy: PolicyInForce, usage: UserUsage) -> Iterator[LimitExcess]:
    rules, named = policy.effective(usage.user, usage.groups).rules, usage.named
    if len(named) > rules.named_servers:
        yield LimitExcess(
            user=usage.user,
            server_name=None,
            rule=Rule.NAMED_SERVERS,
            limit=rules.named_servers,
            current=len(named),
            message=f"{usage.user} has {len(named)} named servers ({', '.join(named)}) and could not create another",
        )
    for name in named:
        if len(name) > rules.server_name_length:
            yield LimitExcess(
                user=usage.user,
                server_name=name,
                rule=Rule.SERVER_NAME_LENGTH,
                limit=rules.server_name_length,
                current=len(name),
                message=f"Server {name!r} of {usage.user} could not be created again under this name",
            )
