"""The policy service's HTTP surface."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from ..units import Duration, Size
from .model import WireModel

Period = Annotated[Duration, Field(gt=timedelta(0), le=timedelta(days=3650))]
"""A duration a policy may name; the upper bound keeps sums with a time inside what a ``datetime`` can hold."""

Amount = Annotated[Size, Field(gt=0, le=2**50)]
"""Bytes a policy may grant: up to 1 PiB, which fits every column and kernel interface."""

Cores = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
"""CPU cores; fractions are fine."""

NameLength = Annotated[int, Field(ge=1, le=30)]
"""Characters; JupyterHub itself allows no more than 30."""

ServerCount = Annotated[int, Field(ge=0, le=10_000)]
"""A number of named servers."""


class Rules(WireModel):
    """All rules of a policy; a null ``idle_timeout`` means never."""

    server_name_length: NameLength
    named_servers: ServerCount
    idle_timeout: Period | None
    idle_warning: Period | None
    storage: Amount
    cpu: Cores
    memory: Amount
    require_enforcement: bool
    launches: bool = Field(description="whether repositories may be built and launched at all")
    sharing: bool = Field(default=True, description="whether servers may be shared with other users and groups")


class RulesOverride(WireModel):
    """The rules an override replaces; what it does not name (``model_fields_set``) stays as it is."""

    server_name_length: NameLength | None = None
    named_servers: ServerCount | None = None
    idle_timeout: Period | None = None
    idle_warning: Period | None = None
    storage: Amount | None = None
    cpu: Cores | None = None
    memory: Amount | None = None
    require_enforcement: bool | None = None
    launches: bool | None = None
    sharing: bool | None = None


class Selector(WireModel):
    """Whom an override is for; every field that is given must match. ``repository`` may hold ``*`` wildcards."""

    user: str | None = None
    group: str | None = None
    repository: str | None = None


class Override(WireModel):
    """One exception to the default rules."""

    name: str
    match: Selector
    rules: RulesOverride


class PolicyDocument(WireModel):
    """A whole policy as an operator writes it."""

    default: Rules
    overrides: list[Override] = []


class PolicyVersionView(WireModel):
    """One version of the policy in force, or once in force."""

    version: int
    changed_at: datetime
    changed_by: str
    comment: str
    source: str = Field(description="the YAML text")
    document: PolicyDocument | None = Field(description="null where this release cannot read an old text any more")


class PolicyVersionsView(WireModel):
    """The policy in force and the versions before it, newest first."""

    in_force: int
    versions: list[PolicyVersionView]


class PolicyChange(WireModel):
    """A new policy: YAML text, why, and whether only to check it."""

    source: str = Field(max_length=200_000)
    comment: str = Field(default="", max_length=1000)
    dry_run: bool = False
    expected_version: int | None = Field(default=None, description="refused when the policy in force is another")


class RuleChange(WireModel):
    """One rule that a new policy changes; ``scope`` is ``default`` or the name of an override, null means not there."""

    scope: str
    rule: str
    before: Any
    after: Any


class LimitExcess(WireModel):
    """Something that exists already and that a new policy would not allow to be made again. It is left alone."""

    user: str
    server_name: str | None
    rule: str
    limit: int
    current: int
    message: str


class PolicyEffects(WireModel):
    """What a new policy changes, against the usage known now."""

    changes: list[RuleChange]
    excesses: list[LimitExcess] = Field(description="at most 200")
    users_checked: int


class PolicyChangeView(WireModel):
    """The answer to a new policy: the version it got, or would get in a dry run, and what it changes."""

    version: int
    changed: bool = Field(description="false for a dry run, and for the text that is in force already")
    dry_run: bool
    effects: PolicyEffects


class AdmissionAction(StrEnum):
    """What is asked for."""

    BUILD = "build"
    CREATE = "create"
    START = "start"
    RENAME = "rename"
    SHARE = "share"


class ServerFact(WireModel):
    """One server a user has, as the asker sees it."""

    name: str
    active: bool = False


class AdmissionRequest(WireModel):
    """May this user do this, and with what limits? The facts are the asker's; policy adds its own reservations."""

    action: AdmissionAction
    user: str
    groups: list[str] = []
    server_name: str | None = None
    repository: str | None = None
    session_id: UUID | None = None
    correlation_id: UUID | None = None
    servers: list[ServerFact] = []
    unenforced: list[str] = Field(default=[], description="resources this host cannot limit")
    share_with: str | None = Field(default=None, description="for a share: who would get access, as a person reads it")
    simulate: bool = Field(default=False, description="answer without recording a decision or reserving a place")

    @model_validator(mode="after")
    def _name_the_server(self) -> Self:
        if self.server_name is None and self.action is not AdmissionAction.BUILD:
            raise ValueError("server_name is needed unless a build is asked for; the default server is the empty name")
        return self


class AdmissionView(WireModel):
    """The verdict, with everything a refusal has to say; no ``decision_id`` where it was not recorded."""

    decision_id: UUID | None
    allowed: bool
    rule: str | None
    policy_version: int
    message: str
    remedy: str | None
    field: str | None
    limit: int | float | str | None
    current: int | float | str | None
    rules: Rules
    source: dict[str, str] = Field(default={}, description="for each rule, the override it came from")


_STATUS_OF_RULE = {"server_name_length": 400, "named_servers": 409}


def refusal_status(rule: str | None) -> int:
    """Return the HTTP status with which a refusal by this rule is passed on, by the hub page and the API alike."""
    return _STATUS_OF_RULE.get(rule or "", 403)


class IdleFacts(WireModel):
    """What is known of one server when asking whether it has been idle too long."""

    session_id: UUID
    user: str
    groups: list[str] = []
    server_name: str
    repository: str | None = None
    running: bool
    started_at: datetime | None
    last_activity: datetime | None
    activity_source: str | None
    observed_at: datetime | None = Field(description="when the last report of any kind came in")


class IdleRequest(WireModel):
    """A batch of servers."""

    sessions: list[IdleFacts] = Field(max_length=2000)
    simulate: bool = Field(default=False, description="answer without recording a decision")


IdleVerdict = Literal["keep", "warn", "stop"]


class IdleDecision(WireModel):
    """What to do with one server and why; ``decision_id`` where the verdict was recorded (stop, warn)."""

    session_id: UUID
    verdict: IdleVerdict
    rule: str
    reason: str
    stop_at: datetime | None
    decision_id: UUID | None = None


class IdleDecisions(WireModel):
    """Answers to a batch, in its order."""

    policy_version: int
    decisions: list[IdleDecision]


class DecisionView(WireModel):
    """A recorded decision: the verdict and every input."""

    id: UUID
    time: datetime
    action: str
    user: str
    server_name: str | None
    session_id: UUID | None
    verdict: str
    rule: str | None
    policy_version: int
    message: str
    facts: dict[str, Any]


class DecisionsView(WireModel):
    """Recorded decisions, newest first."""

    decisions: list[DecisionView]


class UsageView(WireModel):
    """What a user has of what the policy counts."""

    named_servers: int
    named_servers_left: int
    servers: list[str]


class EffectivePolicyView(WireModel):
    """The rules in force for one user (and repository), where each comes from, and what is left."""

    user: str
    policy_version: int
    rules: Rules
    source: dict[str, str] = Field(description="for each rule, ``default`` or the override it came from")
    usage: UsageView
    groups: list[str] = Field(default=[], description="the groups that were taken into account")
    repository: str | None = None
