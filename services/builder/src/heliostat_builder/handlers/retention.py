"""``api/v1/retention``, and the pins of environments."""

from fastapi import APIRouter
from heliostat_core.contracts.retention import RetentionRunRequest, RetentionRunView, ShelfItemView
from heliostat_core.errors import NotFoundError
from heliostat_core.web import documented

from ..errors import RetentionRunningError
from .dependencies import AdminCaller, Services

router = APIRouter(prefix="/api/v1", tags=["retention"])


@router.get(
    "/retention/items", summary="List what is kept, what was not used for longest first", responses=documented()
)
async def get_items(*, caller: AdminCaller, services: Services) -> list[ShelfItemView]:  # noqa: ARG001 it authorises
    return await services.retention.list_()


@router.post(
    "/retention/runs",
    summary="Remove what nothing needs by the rules now, or say what that would be",
    responses=documented(RetentionRunningError),
)
async def post_run(*, body: RetentionRunRequest, caller: AdminCaller, services: Services) -> RetentionRunView:  # noqa: ARG001 it authorises
    return await services.retention.collect(dry_run=body.dry_run)


@router.put(
    "/environments/{environment_id}/pin",
    status_code=204,
    summary="Keep an environment whatever its use",
    responses=documented(NotFoundError),
)
async def put_pin(*, environment_id: str, caller: AdminCaller, services: Services) -> None:
    await services.retention.pin(environment_id, by=caller.name)


@router.delete(
    "/environments/{environment_id}/pin",
    status_code=204,
    summary="Keep an environment no longer than others",
    responses=documented(NotFoundError),
)
async def delete_pin(*, environment_id: str, caller: AdminCaller, services: Services) -> None:
    await services.retention.unpin(environment_id, by=caller.name)
