"""Who else may use a server, over HTTP."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from heliostat_core.auth import HubUnavailableError
from heliostat_core.contracts.sessions import HubName, SharedServerView, ShareRequest, ShareView
from heliostat_core.errors import NotFoundError
from heliostat_core.web import documented

from ..domain.shares import Guest
from ..domain.urls import from_segment
from ..errors import (
    AdmissionRefusedError,
    GuestIsOwnerError,
    GuestUnknownError,
    HubRefusedError,
    SessionBusyError,
    ShareScopeMissingError,
)
from .dependencies import CallerToken, Owner, Services, User
from .sessions import Name

router = APIRouter(prefix="/api/v1", tags=["sharing"])


@router.get("/shared", summary="Servers others share with you", responses=documented(HubUnavailableError))
async def get_shared(*, caller: User, token: CallerToken, services: Services) -> list[SharedServerView]:
    return await services.sharing.list_with(caller, token=token)


@router.get(
    "/sessions/{name}/shares",
    summary="Who may use a server besides its owner",
    responses=documented(NotFoundError, HubUnavailableError),
)
async def get_shares(*, name: Name, owner: Owner, token: CallerToken, services: Services) -> list[ShareView]:
    return await services.sharing.list_of_server(owner, from_segment(name), token=token)


@router.post(
    "/sessions/{name}/shares",
    status_code=201,
    summary="Give a user or a group access to a server of yours; who has it keeps it",
    responses=documented(
        NotFoundError,
        SessionBusyError,
        GuestUnknownError,
        GuestIsOwnerError,
        AdmissionRefusedError,
        ShareScopeMissingError,
        HubRefusedError,
        HubUnavailableError,
    ),
)
async def post_share(
    *, name: Name, body: ShareRequest, caller: User, token: CallerToken, services: Services
) -> ShareView:
    return await services.sharing.share(from_segment(name), Guest.of(body), by=caller, token=token)


@router.delete(
    "/sessions/{name}/shares",
    status_code=204,
    summary="Take access back from everybody",
    responses=documented(NotFoundError, ShareScopeMissingError, HubUnavailableError),
)
async def delete_shares(*, name: Name, owner: Owner, caller: User, token: CallerToken, services: Services) -> None:
    await services.sharing.revoke(owner, from_segment(name), None, by=caller, token=token)


@router.delete(
    "/sessions/{name}/shares/{kind}/{guest:path}",
    status_code=204,
    summary="Take access back from a user or a group; 204 also when there was none",
    responses=documented(NotFoundError, ShareScopeMissingError, HubUnavailableError),
)
async def delete_share(
    *,
    name: Name,
    kind: Annotated[Literal["user", "group"], Path()],
    guest: Annotated[HubName, Path(description="name of the user or group")],
    owner: Owner,
    caller: User,
    token: CallerToken,
    services: Services,
) -> None:
    await services.sharing.revoke(owner, from_segment(name), Guest(kind, guest), by=caller, token=token)
