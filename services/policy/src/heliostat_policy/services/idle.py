"""Idle verdicts in batches. Only what is to be acted on is recorded, once, under an id derived from its content."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from time import perf_counter
from uuid import UUID, uuid5

import structlog
from heliostat_core.contracts.events import DecisionMade
from heliostat_core.contracts.policy import IdleDecision, IdleDecisions, IdleFacts, IdleRequest, IdleVerdict
from heliostat_core.database import Database

from ..domain.effective import PolicyInForce
from ..domain.idle import IdleJudgement, decide_idle
from ..domain.rules import Rule, Verdict
from ..metrics import PolicyMetrics
from ..storage.decisions import DecisionStorage
from .clock import Clock
from .policies import PolicyService

_BREATH = 200
"""Servers judged between two turns of the event loop: about five milliseconds of work."""

_NAMESPACE = UUID("6f1f7c0e-3f0c-5e0b-9c55-0f6f2f1c7a11")
"""Makes ids of idle decisions; never change it, or decisions of running servers are recorded a second time."""

_VERDICTS: dict[Verdict, IdleVerdict] = {Verdict.KEEP: "keep", Verdict.WARN: "warn", Verdict.STOP: "stop"}


class IdleService:
    """Answers which servers have been idle too long."""

    def __init__(
        self,
        *,
        database: Database,
        policies: PolicyService,
        decisions: DecisionStorage,
        metrics: PolicyMetrics,
        clock: Clock,
    ) -> None:
        self._database = database
        self._policies = policies
        self._decisions = decisions
        self._metrics = metrics
        self._clock = clock
        self._log = structlog.get_logger()

    async def judge(self, request: IdleRequest, *, by: str) -> IdleDecisions:
        """Judge a batch; record warnings and stops unless it is a simulation."""
        begun = perf_counter()
        policy, now = self._policies.in_force, self._clock()
        judgements: list[IdleJudgement] = []
        for start in range(0, len(request.sessions), _BREATH):
            judgements += [decide_idle(policy, facts, now) for facts in request.sessions[start : start + _BREATH]]
            await asyncio.sleep(0)
        pairs = list(zip(request.sessions, judgements, strict=True))
        if request.simulate:
            return _to_view(policy, [_answer(facts, judgement) for facts, judgement in pairs])
        made = {
            id(judgement): _to_event(policy, facts, judgement, now) for facts, judgement in pairs if _acts(judgement)
        }
        if made:
            async with self._database.transaction() as connection:
                await self._decisions.append(connection, list(made.values()), by=by)
        self._count(judgements, seconds=perf_counter() - begun)
        answers = [_answer(facts, judgement, made.get(id(judgement))) for facts, judgement in pairs]
        return _to_view(policy, answers)

    def _count(self, judgements: Sequence[IdleJudgement], *, seconds: float) -> None:
        counts: Counter[tuple[Verdict, Rule]] = Counter((found.verdict, found.rule) for found in judgements)
        for (verdict, rule), times in counts.items():
            self._metrics.count("idle", verdict, rule, times=times)
        self._metrics.duration.labels("idle").observe(seconds)
        verdicts = Counter(found.verdict.value for found in judgements)
        self._log.info("idle decided", policy=self._policies.in_force.version, **verdicts)


def _acts(judgement: IdleJudgement) -> bool:
    return judgement.verdict is not Verdict.KEEP


def _to_event(policy: PolicyInForce, facts: IdleFacts, judgement: IdleJudgement, now: datetime) -> DecisionMade:
    # The same verdict on the same idle period is the same decision, whichever replica makes it and however often.
    content = f"{facts.session_id} {judgement.verdict} {judgement.since} {policy.version}"
    return DecisionMade(
        decision_id=uuid5(_NAMESPACE, content),
        action="idle",
        user=facts.user,
        server_name=facts.server_name,
        session_id=facts.session_id,
        verdict="stop" if judgement.verdict is Verdict.STOP else "warn",
        rule=judgement.rule,
        policy_version=policy.version,
        message=judgement.reason,
        facts={
            "decided_at": now.isoformat(),
            "groups": facts.groups,
            "repository": facts.repository,
            "started_at": _iso(facts.started_at),
            "last_activity": _iso(facts.last_activity),
            "activity_source": facts.activity_source,
            "observed_at": _iso(facts.observed_at),
            "stop_at": _iso(judgement.stop_at),
            "limit": judgement.effective.rules.model_dump(mode="json", include={"idle_timeout"})["idle_timeout"],
            "source": judgement.effective.source["idle_timeout"],
        },
    )


def _answer(facts: IdleFacts, judgement: IdleJudgement, made: DecisionMade | None = None) -> IdleDecision:
    return IdleDecision(
        session_id=facts.session_id,
        verdict=_VERDICTS[judgement.verdict],
        rule=judgement.rule,
        reason=judgement.reason,
        stop_at=judgement.stop_at,
        decision_id=None if made is None else made.decision_id,
    )


def _to_view(policy: PolicyInForce, answers: list[IdleDecision]) -> IdleDecisions:
    return IdleDecisions(policy_version=policy.version, decisions=answers)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
