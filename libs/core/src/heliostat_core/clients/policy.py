"""Client of the policy service."""

from collections.abc import Sequence

from ..contracts.policy import (
    AdmissionRequest,
    AdmissionView,
    EffectivePolicyView,
    IdleDecisions,
    IdleRequest,
    PolicyChange,
    PolicyChangeView,
    PolicyVersionsView,
)
from .peer import PeerClient


class PolicyClient(PeerClient):
    """Asks for verdicts."""

    async def admit(self, request: AdmissionRequest) -> AdmissionView:
        """Ask whether this may be done and with what limits; a refusal is an answer, not an error."""
        answer = await self.request("POST", "api/v1/decisions/admission", json=request.model_dump(mode="json"))
        return AdmissionView.model_validate(answer)

    async def read_effective(self, user: str, *, groups: Sequence[str]) -> EffectivePolicyView:
        """Read the rules in force for a user of these groups, and what is left of them."""
        answer = await self.request("GET", "api/v1/policy", params={"user": user, "group": list(groups)})
        return EffectivePolicyView.model_validate(answer)

    async def judge_idle(self, request: IdleRequest) -> IdleDecisions:
        """Ask which servers of a batch have been idle too long."""
        answer = await self.request("POST", "api/v1/decisions/idle", json=request.model_dump(mode="json"))
        return IdleDecisions.model_validate(answer)

    async def list_policies(self, *, token: str, before: int | None = None, most: int) -> PolicyVersionsView:
        """List versions of the policy, or those before one, the newest first, for an administrator's token."""
        params = {"limit": str(most)} | ({} if before is None else {"before": str(before)})
        answer = await self.request("GET", "api/v1/policies", params=params, token=token)
        return PolicyVersionsView.model_validate(answer)

    async def put_policy(self, change: PolicyChange, *, token: str) -> PolicyChangeView:
        """Put a policy in force, or with ``dry_run`` ask what it would change, with an administrator's token."""
        answer = await self.request("PUT", "api/v1/policies", json=change.model_dump(), token=token)
        return PolicyChangeView.model_validate(answer)
