"""The policy service's HTTP surface."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from ..units import Duration, Size
from .model import WireModel


class Rules(WireModel):
    """All rules of a policy; a null ``idle_timeout`` means never."""

    server_name_length: int = Field(ge=1, le=30)
    named_servers: int = Field(ge=0)
    idle_timeout: Duration | None
    idle_warning: Duration | None
    storage: Size
    cpu: float = Field(gt=0)
    memory: Size
    require_enforcement: bool
    launches: bool = Field(description="whether repositories may be built and launched at all")


class RulesOverride(WireModel):
    """The rules an override replaces; what it does not name stays as it is."""

    server_name_length: int | None = Field(default=None, ge=1, le=30)
    named_servers: int | None = Field(default=None, ge=0)
    idle_timeout: Duration | None = None
    idle_warning: Duration | None = None
    storage: Size | None = None
    cpu: float | None = Field(default=None, gt=0)
    memory: Size | None = None
    require_enforcement: bool | None = None
    launches: bool | None = None


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
    document: PolicyDocument


class PolicyChange(WireModel):
    """A new policy: YAML text, why, and whether only to check it."""

    source: str = Field(max_length=200_000)
    comment: str = Field(default="", max_length=1000)
    dry_run: bool = False
    expected_version: int | None = Field(default=None, description="refused when the policy in force is another")


class AdmissionAction(StrEnum):
    """What is asked for."""

    BUILD = "build"
    CREATE = "create"
    START = "start"
    RENAME = "rename"


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


class AdmissionView(WireModel):
    """The verdict, with everything a refusal has to say."""

    decision_id: UUID
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
    source: dict[str, str]
    usage: UsageView
