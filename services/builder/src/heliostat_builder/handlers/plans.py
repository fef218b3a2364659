"""``api/v1/plans``."""

from fastapi import APIRouter
from heliostat_core.contracts.builds import BuildRequest, PlanView
from heliostat_core.web import documented

from .builds import PLAN_ERRORS
from .dependencies import Caller, Services

router = APIRouter(prefix="/api/v1/plans", tags=["plans"])


@router.post("", summary="Say what building a commit would do", responses=documented(*PLAN_ERRORS))
async def post_plan(*, body: BuildRequest, caller: Caller, services: Services) -> PlanView:  # noqa: ARG001 it authorises
    return await services.planning.plan(body)
