"""Reports of servers over HTTP."""

from fastapi import APIRouter
from heliostat_core.contracts.sessions import ActivityReport
from heliostat_core.web import documented

from .dependencies import Server, Services

router = APIRouter(prefix="/api/v1/activity", tags=["activity"])


@router.post("", status_code=204, summary="Report a server's activity, with its own token", responses=documented())
async def post_activity(*, body: ActivityReport, server: Server, services: Services) -> None:
    user, name = server
    await services.activity.report(body, user=user, name=name)
