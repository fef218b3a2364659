"""What the hub's home page asks for its list of servers, besides the servers themselves."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse
from heliostat_core.auth import HubUnavailableError
from heliostat_core.clients import PeerUnavailableError
from heliostat_core.contracts.policy import EffectivePolicyView
from heliostat_core.contracts.sessions import NameCheckView
from heliostat_core.web import documented

from .dependencies import Services, User
from .rendering import PageRoute, Visitor

router = APIRouter(prefix="/api/v1", tags=["sessions"])
pages = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get(
    "/policy",
    summary="The rules in force for you, and what is left of them",
    responses=documented(HubUnavailableError, PeerUnavailableError),
)
async def get_policy(*, caller: User, services: Services) -> EffectivePolicyView:
    return await services.sessions.read_policy(caller.name)


@router.get(
    "/server-names/{name:path}",
    summary="Whether you could create a server of this name now, and if not, why; nothing is created or reserved",
    responses=documented(HubUnavailableError, PeerUnavailableError),
)
async def get_server_name(
    *, name: Annotated[str, Path(max_length=255)], caller: User, services: Services
) -> NameCheckView:
    return await services.sessions.check_name(caller.name, name)


@pages.get("/browser")
async def get_browser_session(visitor: Visitor) -> Response:
    """Sign the scripts of a page of the hub in: redirects through the hub, then the token for their changes.

    Pages of other origins can send a browser here but read nothing: there is no CORS for cookies.
    """
    answer = {"user": visitor.caller.name, "csrf": visitor.csrf}
    headers = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"}
    return JSONResponse(answer, headers=headers)
