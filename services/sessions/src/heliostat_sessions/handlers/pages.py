"""The plain pages: a form, and a launch. They are read only; what they change goes through the API."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from ..domain.urls import to_segment
from .dependencies import Services
from .rendering import PageRoute, Visitor, render

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/")
async def get_home(
    *,
    request: Request,
    visitor: Visitor,
    services: Services,
    repo: Annotated[str, Query(max_length=2000)] = "",
    ref: Annotated[str, Query(max_length=255)] = "",
    path: Annotated[str, Query(max_length=1000)] = "",
) -> Response:
    user = visitor.caller.name
    launches, sessions = await asyncio.gather(
        services.launches.list_of_user(user, under_way=True), services.sessions.list_of_user(user)
    )
    form = {"repo": repo, "ref": ref, "path": path}
    return render(request, "home.html", launches=launches, sessions=sessions, form=form, segment=to_segment)


@router.get("/launches/{launch_id}")
async def get_launch_page(*, request: Request, visitor: Visitor, services: Services, launch_id: UUID) -> Response:
    launch = await services.launches.read(launch_id, by=visitor.caller)
    return render(request, "launch.html", launch=launch)
