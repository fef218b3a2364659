"""Client of the policy service."""

from ..contracts.policy import AdmissionRequest, AdmissionView, IdleDecisions, IdleRequest
from .peer import PeerClient


class PolicyClient(PeerClient):
    """Asks for verdicts."""

    async def admit(self, request: AdmissionRequest) -> AdmissionView:
        """Ask whether this may be done and with what limits; a refusal is an answer, not an error."""
        answer = await self.request("POST", "api/v1/decisions/admission", json=request.model_dump(mode="json"))
        return AdmissionView.model_validate(answer)

    async def judge_idle(self, request: IdleRequest) -> IdleDecisions:
        """Ask which servers of a batch have been idle too long."""
        answer = await self.request("POST", "api/v1/decisions/idle", json=request.model_dump(mode="json"))
        return IdleDecisions.model_validate(answer)
