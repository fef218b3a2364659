"""``api/v1/builds``."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from heliostat_core.contracts.builds import BuildRequest, BuildState, BuildView
from heliostat_core.errors import NotFoundError
from heliostat_core.sse import FeedResponse, read_event_id
from heliostat_core.web import documented

from ..errors import (
    AddressRefusedError,
    ArchiveRefusedError,
    BadRefError,
    BadRepositoryError,
    BadSpecError,
    BaseImageError,
    BuildEndedError,
    BuildNotAllowedError,
    BuildSharedError,
    EngineAwayError,
    ImageStoreError,
    RateLimitedError,
    RecordNotKeptError,
    RefNotFoundError,
    RepositoryNotFoundError,
    RepositoryPrivateError,
    RepositoryTooLargeError,
    SecretGistError,
    UnsupportedConfigurationError,
    UnsupportedSchemeError,
    UpstreamError,
    UpstreamTimeoutError,
)
from .dependencies import Caller, CorrelationId, Process, Services, build_view

router = APIRouter(prefix="/api/v1/builds", tags=["builds"])

PLAN_ERRORS = (
    BadRepositoryError,
    BadSpecError,
    BadRefError,
    UnsupportedSchemeError,
    AddressRefusedError,
    RepositoryPrivateError,
    SecretGistError,
    RepositoryNotFoundError,
    RefNotFoundError,
    UnsupportedConfigurationError,
    RepositoryTooLargeError,
    ArchiveRefusedError,
    RateLimitedError,
    RecordNotKeptError,
    UpstreamError,
    UpstreamTimeoutError,
    EngineAwayError,
    BaseImageError,
    ImageStoreError,
)


@router.post(
    "",
    summary="Build a commit, or join its build",
    status_code=202,
    responses=documented(BuildNotAllowedError, *PLAN_ERRORS),
)
async def post_build(
    *, body: BuildRequest, caller: Caller, services: Services, process: Process, correlation_id: CorrelationId = None
) -> BuildView:
    return build_view(await services.builds.request(body, by=caller, correlation_id=correlation_id), process)


@router.get("", summary="List builds, the latest first", responses=documented())
async def get_builds(
    *,
    caller: Caller,
    services: Services,
    process: Process,
    repo: Annotated[str | None, Query(max_length=2000, description="canonical URL, as in a plan")] = None,
    state: BuildState | None = None,
    before: Annotated[UUID | None, Query(description="only those that follow this build in the list")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> list[BuildView]:
    builds = await services.builds.list_(by=caller, repository=repo, state=state, before=before, most=limit)
    return [build_view(build, process) for build in builds]


@router.get("/{build_id}", summary="Read one build", responses=documented(NotFoundError))
async def get_build(*, build_id: UUID, caller: Caller, services: Services, process: Process) -> BuildView:
    return build_view(await services.builds.read(build_id, by=caller), process)


@router.get(
    "/{build_id}/log",
    summary="Follow a build's log from its first line, or from where the last connection ended",
    response_class=StreamingResponse,
    responses={
        **documented(NotFoundError),
        200: {"content": {"text/event-stream": {}, "text/plain": {}}, "description": "lines, and how the build ended"},
    },
)
async def get_log(
    *,
    build_id: UUID,
    caller: Caller,
    services: Services,
    process: Process,
    last_event_id: Annotated[str | None, Header()] = None,
    after: Annotated[str | None, Query(description="number of the last line that is known")] = None,
    accept: Annotated[str, Header()] = "*/*",
) -> Response:
    await services.builds.read(build_id, by=caller)
    place = read_event_id(last_event_id, after, parts=1)
    if accept.startswith("text/plain"):
        lines = services.logs.watch_text(build_id, after=place[0] if place else 0)
        return StreamingResponse(lines, media_type="text/plain; charset=utf-8")
    return FeedResponse(
        feeds=process.feeds,
        name=f"log {build_id}",
        produce=lambda: services.logs.watch_frames(build_id),
        after=place,
    )


@router.delete(
    "/{build_id}", summary="Cancel a build", responses=documented(NotFoundError, BuildEndedError, BuildSharedError)
)
async def delete_build(*, build_id: UUID, caller: Caller, services: Services, process: Process) -> BuildView:
    return build_view(await services.builds.cancel(build_id, by=caller), process)
