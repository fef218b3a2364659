"""Admission: decide, reserve and record in one transaction."""

import asyncio
from datetime import timedelta
from time import perf_counter
from uuid import UUID, uuid4

import structlog
from heliostat_core.contracts.events import DecisionMade
from heliostat_core.contracts.policy import AdmissionAction, AdmissionRequest, AdmissionView
from heliostat_core.database import Database
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.admission import AdmissionDecision, AdmissionFacts, decide_admission
from ..domain.rules import DEFAULT_SERVER, Rule, Verdict
from ..errors import AdmissionTimeoutError
from ..metrics import PolicyMetrics
from ..storage.decisions import DecisionStorage
from ..storage.reservations import ReservationStorage
from .clock import Clock
from .policies import PolicyService
from .usage import UsageService

_DEADLINE = timedelta(seconds=8)
"""Shorter than the ten seconds for which askers wait, so that they get an answer and not a broken connection."""


class AdmissionService:
    """Answers whether a user may build, create, start, rename or share."""

    def __init__(
        self,
        *,
        database: Database,
        policies: PolicyService,
        usage: UsageService,
        reservations: ReservationStorage,
        decisions: DecisionStorage,
        metrics: PolicyMetrics,
        clock: Clock,
    ) -> None:
        self._database = database
        self._policies = policies
        self._usage = usage
        self._reservations = reservations
        self._decisions = decisions
        self._metrics = metrics
        self._clock = clock
        self._log = structlog.get_logger()

    async def admit(self, request: AdmissionRequest, *, by: str, correlation_id: UUID | None) -> AdmissionView:
        """Decide one request and record the decision, unless it only asks what would be decided.

        Raises
        ------
        AdmissionTimeoutError
            Too many requests for the same user, or the database is slow.
        """
        begun = perf_counter()
        try:
            async with asyncio.timeout(_DEADLINE.total_seconds()):
                decision, made = await self._decide(request, by=by, correlation_id=correlation_id)
        except TimeoutError as error:
            raise AdmissionTimeoutError from error
        if made is None:
            return _to_view(decision, None)
        rule = None if decision.refusal is None else decision.refusal.rule
        self._metrics.count(request.action, decision.verdict, rule)
        self._metrics.duration.labels(request.action).observe(perf_counter() - begun)
        self._log.info(
            "admission decided",
            decision=str(made.decision_id),
            action=request.action,
            user=request.user,
            server=request.server_name,
            verdict=decision.verdict,
            rule=rule,
            policy=decision.policy_version,
        )
        return _to_view(decision, made.decision_id)

    async def _decide(
        self, request: AdmissionRequest, *, by: str, correlation_id: UUID | None
    ) -> tuple[AdmissionDecision, DecisionMade | None]:
        async with self._database.transaction() as connection:
            facts, decision = await self._judge(connection, request)
            if not _rests_on_reservations(facts, decision):
                made = await self._record(connection, request, facts, decision, by=by, correlation_id=correlation_id)
                return decision, made
        # A deletion that was recorded a moment ago may not have been read yet. Outside of the transaction, since who
        # reads it may wait for what that has locked.
        await self._usage.catch_up(wait=True)
        async with self._database.transaction() as connection:
            facts, decision = await self._judge(connection, request)
            made = await self._record(connection, request, facts, decision, by=by, correlation_id=correlation_id)
            return decision, made

    async def _judge(
        self, connection: AsyncConnection, request: AdmissionRequest
    ) -> tuple[AdmissionFacts, AdmissionDecision]:
        facts = _to_facts(request, await self._read_reserved(connection, request))
        return facts, decide_admission(self._policies.in_force, facts)

    async def _record(
        self,
        connection: AsyncConnection,
        request: AdmissionRequest,
        facts: AdmissionFacts,
        decision: AdmissionDecision,
        *,
        by: str,
        correlation_id: UUID | None,
    ) -> DecisionMade | None:
        """Reserve what is allowed and record the decision; neither for who only asks what would be decided."""
        if request.simulate:
            return None
        if _takes_a_place(request) and decision.verdict is Verdict.ALLOW:
            await self._reservations.ensure(connection, request.user, facts.server_name)
        made = self._to_event(request, facts, decision)
        await self._decisions.append(connection, [made], by=by, correlation_id=correlation_id)
        return made

    async def _read_reserved(self, connection: AsyncConnection, request: AdmissionRequest) -> frozenset[str]:
        """Lock the user, so that nobody else counts until this is decided and reserved, and read what is reserved.

        Who only asks locks nothing.
        """
        if not _takes_a_place(request):
            return frozenset()
        if request.simulate:
            return await self._reservations.list_names(connection, request.user)
        await self._reservations.lock(connection, request.user)
        reserved = await self._reservations.list_names(connection, request.user)
        if existing := reserved.intersection(server.name for server in request.servers):
            await self._reservations.settle(connection, request.user, existing)
        return reserved

    def _to_event(self, request: AdmissionRequest, facts: AdmissionFacts, decision: AdmissionDecision) -> DecisionMade:
        refusal = decision.refusal
        return DecisionMade(
            decision_id=uuid4(),
            action=request.action.value,
            user=request.user,
            server_name=request.server_name,
            session_id=request.session_id,
            verdict="allow" if refusal is None else "refuse",
            rule=None if refusal is None else refusal.rule,
            policy_version=decision.policy_version,
            message=decision.message,
            facts={
                "observed_at": self._clock().isoformat(),
                "groups": list(facts.groups),
                "repository": facts.repository,
                "servers": [server.model_dump() for server in request.servers],
                "reserved": sorted(facts.reserved),
                "unenforced": list(facts.unenforced),
                "share_with": facts.share_with,
                "field": None if refusal is None else refusal.field,
                "limit": None if refusal is None else refusal.limit,
                "current": None if refusal is None else refusal.current,
                "remedy": None if refusal is None else refusal.remedy,
                "rules": decision.effective.rules.model_dump(mode="json"),
                "source": decision.effective.source,
            },
        )


def _takes_a_place(request: AdmissionRequest) -> bool:
    return request.action is AdmissionAction.CREATE and request.server_name != DEFAULT_SERVER


def _rests_on_reservations(facts: AdmissionFacts, decision: AdmissionDecision) -> bool:
    """Whether a refusal counted servers that the asker did not list."""
    refusal = decision.refusal
    return refusal is not None and refusal.rule is Rule.NAMED_SERVERS and not facts.reserved <= facts.servers


def _to_facts(request: AdmissionRequest, reserved: frozenset[str]) -> AdmissionFacts:
    return AdmissionFacts(
        action=request.action,
        user=request.user,
        groups=tuple(request.groups),
        server_name=request.server_name or DEFAULT_SERVER,
        repository=request.repository,
        servers=frozenset(server.name for server in request.servers),
        reserved=reserved,
        unenforced=tuple(request.unenforced),
        share_with=request.share_with,
    )


def _to_view(decision: AdmissionDecision, decision_id: UUID | None) -> AdmissionView:
    refusal = decision.refusal
    return AdmissionView(
        decision_id=decision_id,
        allowed=refusal is None,
        rule=None if refusal is None else refusal.rule,
        policy_version=decision.policy_version,
        message=decision.message,
        remedy=None if refusal is None else refusal.remedy,
        field=None if refusal is None else refusal.field,
        limit=None if refusal is None else refusal.limit,
        current=None if refusal is None else refusal.current,
        rules=decision.effective.rules,
        source=decision.effective.source,
    )
