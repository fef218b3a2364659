"""Launches over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from heliostat_core.clients import PeerUnavailableError
from heliostat_core.contracts.launches import LaunchRequest, LaunchView
from heliostat_core.errors import NotFoundError
from heliostat_core.sse import BadEventIdError, FeedResponse, read_event_id
from heliostat_core.web import documented

from ..errors import (
    AdmissionRefusedError,
    IdempotencyKeyInvalidError,
    IdempotencyKeyReusedError,
    LaunchFinishedError,
    OpeningAmbiguousError,
    PathOutsideError,
    ServerNameInvalidError,
    UrlPathOutsideError,
)
from .dependencies import Owner, Services, User

router = APIRouter(prefix="/api/v1/launches", tags=["launches"])


@router.post(
    "",
    status_code=202,
    summary="Launch a repository",
    responses=documented(
        PathOutsideError,
        UrlPathOutsideError,
        OpeningAmbiguousError,
        ServerNameInvalidError,
        IdempotencyKeyInvalidError,
        IdempotencyKeyReusedError,
        AdmissionRefusedError,
        PeerUnavailableError,
    ),
)
async def post_launch(
    *,
    body: LaunchRequest,
    caller: User,
    services: Services,
    key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> LaunchView:
    return await services.launches.request(body, key=key, by=caller)


@router.get("", summary="Launches of a user, newest first", responses=documented(NotFoundError))
async def get_launches(
    *,
    owner: Owner,
    services: Services,
    under_way: Annotated[bool, Query(description="only those that are not finished")] = False,
) -> list[LaunchView]:
    return await services.launches.list_of_user(owner, under_way=under_way)


@router.get("/{launch_id}", summary="One launch", responses=documented(NotFoundError))
async def get_launch(*, launch_id: UUID, caller: User, services: Services) -> LaunchView:
    return await services.launches.read(launch_id, by=caller)


@router.delete("/{launch_id}", summary="Cancel a launch", responses=documented(NotFoundError, LaunchFinishedError))
async def delete_launch(*, launch_id: UUID, caller: User, services: Services) -> LaunchView:
    return await services.launches.cancel(launch_id, by=caller)


@router.get(
    "/{launch_id}/events",
    response_class=StreamingResponse,
    summary="Steps and build log of a launch as server-sent events, from a place on",
    responses=documented(NotFoundError, BadEventIdError),
)
async def get_launch_events(
    *,
    launch_id: UUID,
    caller: User,
    services: Services,
    after: Annotated[str | None, Query(description="the last id that was received")] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> FeedResponse:
    place = read_event_id(last_event_id, after, parts=2)
    await services.launches.read(launch_id, by=caller)
    return services.launch_feeds.stream(launch_id, after=place)
