"""Who asks, and what they may: in the signature of every handler."""

from typing import Annotated, cast

from fastapi import Depends, Header, Query, Request
from heliostat_core.auth import Principal, Scope, read_token
from heliostat_core.errors import ForbiddenError, NotFoundError, UnauthenticatedError

from ..domain.cookies import BrowserSession
from ..errors import CsrfError
from ..factory import Factory, ProcessContext

SESSION_COOKIE = "heliostat-session"
CSRF_HEADER = "X-Heliostat-CSRF"
_SAFE = {"GET", "HEAD", "OPTIONS"}


def get_process(request: Request) -> ProcessContext:
    """Give the context of this process."""
    return cast(ProcessContext, request.state.process)


def get_factory(process: Annotated[ProcessContext, Depends(get_process)]) -> Factory:
    """Give the services of this process."""
    return process.factory


Services = Annotated[Factory, Depends(get_factory)]


def get_browser_session(request: Request, services: Services) -> BrowserSession | None:
    """Read the browser's session from its cookie."""
    return services.cookies.read_session(request.cookies.get(SESSION_COOKIE))


Browser = Annotated[BrowserSession | None, Depends(get_browser_session)]


def get_token(
    request: Request,
    services: Services,
    browser: Browser,
    authorization: Annotated[str | None, Header()] = None,
    csrf: Annotated[str | None, Header(alias=CSRF_HEADER, include_in_schema=False)] = None,
) -> str | None:
    """Read the caller's token, or that of the browser's cookie, which alone may read only."""
    token = read_token(authorization)
    if token is None and browser is not None:
        if request.method not in _SAFE and not services.cookies.is_csrf_token(browser, csrf):
            raise CsrfError
        token = browser.token
    return token


async def get_caller(services: Services, token: Annotated[str | None, Depends(get_token)]) -> Principal:
    """Verify the caller's token."""
    return await services.authenticator.authenticate(token)


async def get_user(caller: Annotated[Principal, Depends(get_caller)]) -> Principal:
    """Let users pass who may launch."""
    caller.require(Scope.LAUNCH)
    return caller


async def get_server(caller: Annotated[Principal, Depends(get_caller)]) -> tuple[str, str]:
    """Let only servers pass, and say which one asks."""
    if caller.kind != "server" or caller.server is None:
        raise ForbiddenError(scope=Scope.REPORT_ACTIVITY.value)
    return caller.server


def get_own_token(_: Annotated[Principal, Depends(get_user)], token: Annotated[str | None, Depends(get_token)]) -> str:
    """Give the token of a user who may launch, to act at the hub with their rights and no others."""
    if token is None:
        raise UnauthenticatedError
    return token


User = Annotated[Principal, Depends(get_user)]
CallerToken = Annotated[str, Depends(get_own_token)]
Server = Annotated[tuple[str, str], Depends(get_server)]


def resolve_owner(
    caller: User, user: Annotated[str | None, Query(description="another user; for administrators")] = None
) -> str:
    """Tell whose servers are meant. What is another's does not exist for anybody but administrators."""
    if user is None or user == caller.name:
        return caller.name
    if not caller.admin:
        raise NotFoundError(what="user", key=user)
    return user


Owner = Annotated[str, Depends(resolve_owner)]
