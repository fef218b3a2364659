"""``api/v1/providers``."""

from typing import Annotated

from fastapi import APIRouter, Depends
from heliostat_core.auth import Principal
from heliostat_core.contracts.builds import ProviderView
from heliostat_core.web import documented

from .dependencies import Services, get_caller

router = APIRouter(prefix="/api/v1/providers", tags=["providers"])


@router.get(
    "",
    summary="List the kinds of places repositories can be in, as BinderHub's /api/repoproviders does",
    response_model_exclude_none=True,
    responses=documented(),
)
async def get_providers(
    *,
    caller: Annotated[Principal, Depends(get_caller)],  # noqa: ARG001 it authorises
    services: Services,
) -> list[ProviderView]:
    return services.providers.list_views()
