"""Servers over HTTP. The default server, whose name in the hub is empty, is ``~default`` in a path."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from heliostat_core.auth import HubUnavailableError
from heliostat_core.contracts.sessions import SessionRequest, SessionState, SessionView
from heliostat_core.errors import NotFoundError
from heliostat_core.web import documented

from ..domain.urls import from_segment
from ..errors import AdmissionRefusedError, ServerNameInvalidError, SessionBusyError, SessionExistsError
from .dependencies import CallerToken, Owner, Services, User

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"])

Name = Annotated[str, Path(description="the server's name; ~default for the default server")]


@router.get("", summary="A user's servers", responses=documented(NotFoundError))
async def get_sessions(
    *, owner: Owner, services: Services, state: Annotated[SessionState | None, Query()] = None
) -> list[SessionView]:
    return await services.sessions.list_of_user(owner, state=state)


@router.post(
    "",
    status_code=202,
    summary="Create and start a plain server in the default environment",
    responses=documented(ServerNameInvalidError, SessionExistsError, AdmissionRefusedError, HubUnavailableError),
)
async def post_session(*, body: SessionRequest, owner: Owner, caller: User, services: Services) -> SessionView:
    return await services.sessions.create(owner, from_segment(body.name), by=caller)


@router.get("/{name}", summary="One server", responses=documented(NotFoundError))
async def get_session(*, name: Name, owner: Owner, services: Services) -> SessionView:
    return await services.sessions.read(owner, from_segment(name))


@router.post(
    "/{name}/start",
    status_code=202,
    summary="Start a stopped server",
    responses=documented(NotFoundError, SessionBusyError, AdmissionRefusedError, HubUnavailableError),
)
async def post_start(*, name: Name, owner: Owner, services: Services) -> SessionView:
    return await services.sessions.start(owner, from_segment(name))


@router.post(
    "/{name}/stop",
    status_code=202,
    summary="Stop a server; its files stay",
    responses=documented(NotFoundError, SessionBusyError, HubUnavailableError),
)
async def post_stop(*, name: Name, owner: Owner, caller: User, services: Services) -> SessionView:
    return await services.sessions.stop(owner, from_segment(name), by=caller)


@router.delete(
    "/{name}",
    status_code=202,
    response_model=SessionView,
    summary="Delete a server and its files; 204 when there is none (any more)",
    responses={**documented(NotFoundError), 204: {"description": "It is gone", "model": None}},
)
async def delete_session(
    *, name: Name, owner: Owner, caller: User, token: CallerToken, services: Services
) -> SessionView | Response:
    await services.sharing.revoke_before_deletion(owner, from_segment(name), by=caller, token=token)
    view = await services.sessions.delete(owner, from_segment(name), by=caller)
    return Response(status_code=204) if view is None else view
