"""Plans over HTTP. Planning is a POST because it takes a body; it changes nothing."""

from fastapi import APIRouter
from heliostat_core.clients import PeerUnavailableError
from heliostat_core.contracts.builds import BuildRequest, PlanView
from heliostat_core.web import documented

from .dependencies import Services, User

router = APIRouter(prefix="/api/v1/plans", tags=["launches"])


@router.post(
    "",
    summary="Say what launching a commit would build; what is wrong with it the builder says",
    responses=documented(PeerUnavailableError),
)
async def post_plan(*, body: BuildRequest, caller: User, services: Services) -> PlanView:
    return await services.plans.read(body, user=caller.name)
