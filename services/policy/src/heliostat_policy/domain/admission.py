"""May a user build, create, start, rename or share? A pure function of (policy, facts).

Every refusal carries the rule, its limit, the current value and what would make the request pass.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from heliostat_core.contracts.policy import AdmissionAction, Rules

from .effective import Effective, PolicyInForce
from .rules import DEFAULT_SERVER, Rule, Verdict


@dataclass(frozen=True, slots=True)
class AdmissionFacts:
    """What is asked and what is known.

    Parameters
    ----------
    server_name
        The server's name (for a rename the new one); empty for the default server.
    servers
        Names of all servers the asker says the user has.
    reserved
        Names of servers that were allowed a moment ago and may not be among ``servers`` yet.
    unenforced
        Resources the host cannot limit.
    share_with
        Who would get access to the server.
    """

    action: AdmissionAction
    user: str
    groups: tuple[str, ...] = ()
    server_name: str = DEFAULT_SERVER
    repository: str | None = None
    servers: frozenset[str] = frozenset()
    reserved: frozenset[str] = frozenset()
    unenforced: tuple[str, ...] = ()
    share_with: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, and what would make it pass."""

    rule: Rule
    message: str
    remedy: str
    field: str | None
    limit: int | float | str | None
    current: int | float | str | None


@dataclass(frozen=True, slots=True)
class AdmissionDecision:
    """The verdict on one request, with the rules it rests on."""

    policy_version: int
    effective: Effective
    refusal: Refusal | None
    message: str

    @property
    def verdict(self) -> Verdict:
        """Allow or refuse."""
        return Verdict.ALLOW if self.refusal is None else Verdict.REFUSE


def decide_admission(policy: PolicyInForce, facts: AdmissionFacts) -> AdmissionDecision:
    """Decide whether the policy allows what is asked."""
    effective = policy.effective(facts.user, facts.groups, facts.repository)
    refusal = next((found for found in _checks(effective.rules, facts) if found is not None), None)
    message = _allowed(facts) if refusal is None else refusal.message
    return AdmissionDecision(policy_version=policy.version, effective=effective, refusal=refusal, message=message)


def _checks(rules: Rules, facts: AdmissionFacts) -> Iterable[Refusal | None]:
    match facts.action:
        case AdmissionAction.BUILD:
            yield _check_launches(rules)
        case AdmissionAction.CREATE:
            if facts.repository is not None:
                yield _check_launches(rules)
            # What exists already is not created again: a stricter policy leaves it to its user.
            if facts.server_name not in facts.servers and facts.server_name != DEFAULT_SERVER:
                yield _check_name(rules, facts)
                yield _check_count(rules, facts)
            yield _check_enforcement(rules, facts)
        case AdmissionAction.START:
            yield _check_enforcement(rules, facts)
        case AdmissionAction.RENAME:
            yield _check_name(rules, facts)
        case AdmissionAction.SHARE:
            yield _check_sharing(rules, facts)


def _check_launches(rules: Rules) -> Refusal | None:
    if rules.launches:
        return None
    return Refusal(
        rule=Rule.LAUNCHES,
        message="Repositories may not be built or launched here",
        remedy="Start a server in the default environment, or ask an administrator to allow this repository.",
        field="repo",
        limit=None,
        current=None,
    )


def _check_name(rules: Rules, facts: AdmissionFacts) -> Refusal | None:
    length, limit = len(facts.server_name), rules.server_name_length
    if length <= limit:
        return None
    return Refusal(
        rule=Rule.SERVER_NAME_LENGTH,
        message=f"Server name {facts.server_name!r} is {_characters(length)} long; at most {limit} are allowed",
        remedy=f"Use a name of at most {_characters(limit)}.",
        field="server_name",
        limit=limit,
        current=length,
    )


def _check_count(rules: Rules, facts: AdmissionFacts) -> Refusal | None:
    others = sorted((facts.servers | facts.reserved) - {DEFAULT_SERVER, facts.server_name})
    count, limit = len(others), rules.named_servers
    if count < limit:
        return None
    names = f" ({', '.join(others)})" if others else ""
    return Refusal(
        rule=Rule.NAMED_SERVERS,
        message=f"You have {count} of {limit} named servers{names}",
        remedy=_count_remedy(limit, others),
        field="server_name",
        limit=limit,
        current=count,
    )


def _count_remedy(limit: int, others: list[str]) -> str:
    if limit == 0:
        return "Use your default server; named servers are not allowed for you."
    surplus = len(others) - limit + 1
    what = "one of them" if surplus == 1 else f"{surplus} of them"
    return (
        f"Delete {what} first, which also deletes the files in it: on the hub page with 'delete', with "
        f"'heliostat sessions delete {others[0]}', or with DELETE /services/binder/api/v1/sessions/{others[0]}."
    )


def _check_enforcement(rules: Rules, facts: AdmissionFacts) -> Refusal | None:
    if not rules.require_enforcement or not facts.unenforced:
        return None
    resources = ", ".join(facts.unenforced)
    return Refusal(
        rule=Rule.REQUIRE_ENFORCEMENT,
        message=f"This host cannot limit {resources}, and the policy allows only servers whose limits are enforced",
        remedy="Ask an administrator to run servers where these limits work, or to set require_enforcement to false.",
        field=None,
        limit="all limits enforced",
        current=f"not enforced: {resources}",
    )


def _check_sharing(rules: Rules, facts: AdmissionFacts) -> Refusal | None:
    if rules.sharing:
        return None
    what = f"Servers of {facts.repository}" if facts.repository else "Your servers"
    return Refusal(
        rule=Rule.SHARING,
        message=f"{what} may not be shared",
        remedy="Give others the link to the repository, which makes them a server of their own, "
        "or ask an administrator to allow sharing (rule 'sharing') for you, your group or the repository.",
        field=None,
        limit="not shared",
        current=f"shared with {facts.share_with}" if facts.share_with else None,
    )


def _allowed(facts: AdmissionFacts) -> str:
    if facts.action is AdmissionAction.BUILD:
        return "The repository may be built"
    server = f"Server {facts.server_name!r}" if facts.server_name else "The default server"
    if facts.action is AdmissionAction.SHARE:
        return f"{server} may be shared with {facts.share_with}" if facts.share_with else f"{server} may be shared"
    done = {AdmissionAction.CREATE: "created", AdmissionAction.START: "started", AdmissionAction.RENAME: "renamed so"}
    return f"{server} may be {done[facts.action]}"


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count} characters"
