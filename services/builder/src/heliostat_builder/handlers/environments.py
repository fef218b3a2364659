"""``api/v1/environments``."""

from fastapi import APIRouter
from heliostat_core.contracts.builds import EnvironmentView
from heliostat_core.errors import NotFoundError
from heliostat_core.web import documented

from .dependencies import AdminCaller, Services

router = APIRouter(prefix="/api/v1/environments", tags=["environments"])


@router.get("", summary="List environments, the latest first", responses=documented())
async def get_environments(*, caller: AdminCaller, services: Services) -> list[EnvironmentView]:  # noqa: ARG001 it authorises
    return await services.environments.list_()


@router.get("/{environment_id}", summary="Read one environment", responses=documented(NotFoundError))
async def get_environment(*, environment_id: str, caller: AdminCaller, services: Services) -> EnvironmentView:  # noqa: ARG001 it authorises
    return await services.environments.read(environment_id)
