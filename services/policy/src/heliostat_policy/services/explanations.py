"""Answers to "what may I?" and "why?": effective rules with usage, and recorded decisions."""

from collections.abc import Sequence
from uuid import UUID

from heliostat_core.contracts.policy import DecisionsView, DecisionView, EffectivePolicyView, UsageView
from heliostat_core.database import Database
from heliostat_core.errors import NotFoundError

from ..domain.records import DecisionFilter
from ..storage.decisions import DecisionStorage
from ..storage.usage import UsageStorage
from .policies import PolicyService


class ExplanationService:
    """Reads what was decided, and what would be."""

    def __init__(
        self, *, database: Database, policies: PolicyService, decisions: DecisionStorage, usage: UsageStorage
    ) -> None:
        self._database = database
        self._policies = policies
        self._decisions = decisions
        self._usage = usage

    async def explain_policy(
        self, user: str, *, groups: Sequence[str] | None, repository: str | None
    ) -> EffectivePolicyView:
        """Show the rules in force for a user; without groups, those of the latest decision about the user count."""
        async with self._database.statements() as connection:
            usage = await self._usage.read(connection, user)
        known = tuple(usage.groups if groups is None else groups)
        policy = self._policies.in_force
        effective = policy.effective(user, known, repository)
        named = usage.named
        return EffectivePolicyView(
            user=user,
            policy_version=policy.version,
            rules=effective.rules,
            source=effective.source,
            usage=UsageView(
                named_servers=len(named),
                named_servers_left=max(0, effective.rules.named_servers - len(named)),
                servers=sorted(usage.servers),
            ),
            groups=list(known),
            repository=repository,
        )

    async def list_decisions(self, wanted: DecisionFilter) -> DecisionsView:
        """List recorded decisions, newest first."""
        async with self._database.statements() as connection:
            return DecisionsView(decisions=list(await self._decisions.list(connection, wanted)))

    async def read_decision(self, decision_id: UUID, *, of: str | None) -> DecisionView:
        """Read one decision, about this user where one is given.

        Raises
        ------
        NotFoundError
            There is none, or it is about somebody else.
        """
        async with self._database.statements() as connection:
            decision = await self._decisions.read(connection, decision_id)
        if decision is None or of not in {None, decision.user}:
            raise NotFoundError(what="decision", key=str(decision_id))
        return decision
