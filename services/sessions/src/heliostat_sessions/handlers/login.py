"""Signing in through the hub."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from ..config import BASE_PATH
from ..domain.cookies import SESSION_LIFETIME, STATE_LIFETIME
from ..errors import LoginFailedError
from ..factory import ProcessContext
from .dependencies import SESSION_COOKIE, Services, get_process

router = APIRouter(include_in_schema=False)

_STATE_COOKIE = "heliostat-login-"


def read_target(request: Request) -> str:
    """Read where a browser wanted to go, as it was sent: links hold encoded addresses, which stay encoded."""
    path = request.scope["raw_path"].partition(b"?")[0].decode("latin-1")
    return f"{path}?{request.url.query}" if request.url.query else path


def redirect_to_login(target: str, process: ProcessContext) -> Response:
    """Send a browser to the hub, to come back to a page of this service."""
    url, state = process.factory.login.begin(target)
    response = RedirectResponse(url, status_code=302)
    response.set_cookie(
        _name_state(state.state),
        process.factory.cookies.write(state),
        max_age=int(STATE_LIFETIME.total_seconds()),
        path=BASE_PATH,
        httponly=True,
        samesite="lax",
        secure=_is_secure(process),
    )
    return response


@router.get("/login")
async def get_login(
    process: Annotated[ProcessContext, Depends(get_process)],
    target: Annotated[str, Query(alias="next", max_length=8000)],
) -> Response:
    return redirect_to_login(target, process)


@router.get("/oauth_callback")
async def get_oauth_callback(
    request: Request,
    services: Services,
    code: Annotated[str, Query(max_length=1000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    if not code or not state.isascii():
        raise LoginFailedError
    remembered = services.cookies.read_state(request.cookies.get(_name_state(state)))
    session, target = await services.login.finish(code=code, state=state, remembered=remembered)
    response = RedirectResponse(target, status_code=302)
    response.delete_cookie(_name_state(state), path=BASE_PATH)
    response.set_cookie(
        SESSION_COOKIE,
        services.cookies.write(session),
        max_age=int(SESSION_LIFETIME.total_seconds()),
        path=BASE_PATH,
        httponly=True,
        samesite="lax",
        secure=_is_secure(get_process(request)),
    )
    return response


def _name_state(state: str) -> str:
    """Name the cookie of one sign-in, so that two tabs can sign in at the same time."""
    return f"{_STATE_COOKIE}{state[:8]}"


def _is_secure(process: ProcessContext) -> bool:
    return process.config.public_url.scheme == "https"
