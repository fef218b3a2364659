"""What the administrators' pages change at other services, with the administrator's own token.

A browser that signed in here has a cookie for this service alone. Everybody else calls those services themselves.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from heliostat_core.auth import Principal, Scope
from heliostat_core.contracts.builds import BuildView
from heliostat_core.contracts.policy import PolicyChange, PolicyChangeView

from .dependencies import CallerToken, Services, User

router = APIRouter(prefix="/api/v1/admin", include_in_schema=False)


def get_admin(caller: User) -> Principal:
    """Let only administrators pass."""
    caller.require(Scope.ADMIN)
    return caller


Administrator = Annotated[Principal, Depends(get_admin)]


@router.delete("/builds/{build_id}")
async def delete_build(*, build_id: UUID, _: Administrator, token: CallerToken, services: Services) -> BuildView:
    return await services.administration.cancel_build(build_id, token=token)


@router.put("/policies")
async def put_policies(
    *, body: PolicyChange, _: Administrator, token: CallerToken, services: Services
) -> PolicyChangeView:
    return await services.administration.put_policy(body, token=token)
