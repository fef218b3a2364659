"""When running servers will be stopped if nothing happens, as policy says now."""

from collections.abc import Sequence
from uuid import UUID

from heliostat_core.clients import PeerRefusedError, PeerUnavailableError, PolicyClient
from heliostat_core.contracts.policy import IdleDecision, IdleRequest

from ..domain.idle import build_facts
from ..domain.ledger import Session


async def forecast_stops(policy: PolicyClient, running: Sequence[Session]) -> dict[UUID, IdleDecision]:
    """Ask policy for verdicts by session id, without recording anything; none where it does not answer."""
    if not running:
        return {}
    facts = [build_facts(session, running=True) for session in running]
    try:
        answer = await policy.judge_idle(IdleRequest(sessions=facts, simulate=True))
    except (PeerUnavailableError, PeerRefusedError):
        return {}
    return {decision.session_id: decision for decision in answer.decisions}
