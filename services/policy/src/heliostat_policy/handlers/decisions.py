"""Asking for verdicts, and why they were as they were."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from heliostat_core.contracts.policy import (
    AdmissionRequest,
    AdmissionView,
    DecisionsView,
    DecisionView,
    IdleDecisions,
    IdleRequest,
)
from heliostat_core.database import DatabaseUnavailableError
from heliostat_core.errors import NotFoundError
from heliostat_core.web import documented

from ..domain.records import DecisionFilter
from ..errors import AdmissionTimeoutError
from .dependencies import CorrelationId, DecidingCaller, ReadingCaller, Services, reads_all

router = APIRouter(prefix="/api/v1/decisions", tags=["decisions"])

_MOST = 200


@router.post(
    "/admission",
    summary="May this user build, create, start, rename or share? For services; a refusal is an answer with status 200",
    responses=documented(AdmissionTimeoutError, DatabaseUnavailableError),
)
async def post_admission(
    *, body: AdmissionRequest, caller: DecidingCaller, services: Services, correlation_id: CorrelationId = None
) -> AdmissionView:
    return await services.admission.admit(body, by=caller.name, correlation_id=body.correlation_id or correlation_id)


@router.post(
    "/idle",
    summary="Which of these servers have been idle too long? For services; answers in the order of the batch",
    responses=documented(DatabaseUnavailableError),
)
async def post_idle(*, body: IdleRequest, caller: DecidingCaller, services: Services) -> IdleDecisions:
    return await services.idle.judge(body, by=caller.name)


@router.get(
    "",
    summary="Recorded decisions, newest first: why was it refused, why was it stopped? Users see their own",
    responses=documented(DatabaseUnavailableError),
)
async def list_decisions(
    *,
    caller: ReadingCaller,
    services: Services,
    session: UUID | None = None,
    server_name: Annotated[str | None, Query(max_length=255)] = None,
    user: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 50,
) -> DecisionsView:
    if not reads_all(caller) and user not in {None, caller.name}:
        return DecisionsView(decisions=[])
    about = user if reads_all(caller) else caller.name
    wanted = DecisionFilter(user=about, session_id=session, server_name=server_name, limit=limit)
    return await services.explanations.list_decisions(wanted)


@router.get(
    "/{decision_id}",
    summary="One recorded decision with every fact it rests on",
    responses=documented(NotFoundError, DatabaseUnavailableError),
)
async def get_decision(*, decision_id: UUID, caller: ReadingCaller, services: Services) -> DecisionView:
    return await services.explanations.read_decision(decision_id, of=None if reads_all(caller) else caller.name)
