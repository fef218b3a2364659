"""The timeline over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from heliostat_core.auth import Principal
from heliostat_core.contracts.timeline import TimelineView
from heliostat_core.errors import NotFoundError
from heliostat_core.web import documented

from ..errors import EventKindUnknownError
from ..services.timeline import read_kinds
from ..storage.timeline import TimelineFilter
from .dependencies import Services, User

router = APIRouter(prefix="/api/v1/events", tags=["events"])

Position = Annotated[int | None, Query(ge=0, le=2**63 - 1)]


def read_filter(  # one parameter per filter
    *,
    caller: User,
    user: Annotated[
        str | None, Query(max_length=255, description="whom it concerns; others than you: administrators")
    ] = None,
    repo: Annotated[
        str | None, Query(max_length=2000, description="canonical URL of a repository, as in plans")
    ] = None,
    launch: UUID | None = None,
    session: UUID | None = None,
    stream: Annotated[str | None, Query(max_length=255, description="one stream, such as launch-<id>")] = None,
    kind: Annotated[list[str] | None, Query(max_length=50, description="kinds, or their beginnings")] = None,
    before: Position = None,
    after: Position = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> TimelineFilter:
    """Read what is wanted, and keep everybody but administrators to what concerns them."""
    return TimelineFilter(
        user=resolve_subject(caller, user),
        repo=repo,
        launch=launch,
        session=session,
        stream=stream,
        kinds=read_kinds(kind or ()),
        before=before,
        after=after,
        most=limit,
    )


def resolve_subject(caller: Principal, user: str | None) -> str | None:
    """Tell whose events are meant; None, everybody's, only for administrators."""
    if caller.admin:
        return user
    if user not in {None, caller.name}:
        raise NotFoundError(what="user", key=user or "")
    return caller.name


@router.get(
    "",
    summary="Events and decisions of all services in one list, newest first; users see what concerns them",
    responses=documented(NotFoundError, EventKindUnknownError),
)
async def get_events(*, wanted: Annotated[TimelineFilter, Depends(read_filter)], services: Services) -> TimelineView:
    return await services.timeline.list_(wanted)
