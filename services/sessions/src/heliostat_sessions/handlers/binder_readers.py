"""Who asks for a BinderHub stream. It is the one GET that starts something, so a cookie alone does not count.

A cookie proves who somebody is, not that they meant it: a link on another site carries it too. It counts together with
the page's CSRF token, a build token of ours for this very user and link, or the browser's own word that a page of this
origin asks (``Sec-Fetch-Site``). Tokens are taken from the ``Authorization`` header only, never from the query.
"""

from urllib.parse import urlsplit

from fastapi import Request
from heliostat_core.auth import Principal, Scope, read_token
from heliostat_core.errors import UnauthenticatedError

from ..domain.binder_links import BinderLink
from ..domain.clients import find_client_ip
from ..errors import CsrfError
from ..factory import Factory
from .dependencies import CSRF_HEADER, SESSION_COOKIE, get_process

NOBODY = Principal(kind="user", name="")
"""An anonymous caller."""

_CSRF_HEADERS = (CSRF_HEADER, "X-XSRFToken")


async def identify_reader(request: Request, services: Factory, link: BinderLink, *, build_token: str) -> Principal:
    """Find out who asks, and check the build token if there is one.

    Raises
    ------
    UnauthenticatedError, ForbiddenError, CsrfError
        Nobody who may launch.
    BuildTokenInvalidError
        The build token is not for this link, page and user.
    """
    caller, by_cookie = await _authenticate(request, services)
    if caller is None:
        if not get_process(request).config.anonymous_launches:
            raise UnauthenticatedError
        caller = NOBODY
    else:
        caller.require(Scope.LAUNCH)
    if build_token:
        services.build_tokens.check(
            build_token, audience=link.audience, origin=read_page_host(request), user=caller.name or None
        )
    elif by_cookie and not _is_meant(request, services):
        raise CsrfError
    return caller


def read_client_ip(request: Request) -> str:
    """Read where a request came from."""
    peer = request.client.host if request.client else ""
    trusted = get_process(request).config.trusted_proxies
    return find_client_ip(peer, request.headers.get("X-Forwarded-For"), trusted=trusted)


def read_page_host(request: Request) -> str:
    """Read the host of the page that a request comes from, as build tokens name it."""
    return urlsplit(request.headers.get("Origin", "")).netloc or request.headers.get("Host", "")


async def _authenticate(request: Request, services: Factory) -> tuple[Principal | None, bool]:
    token = read_token(request.headers.get("Authorization"))
    if token is not None:
        return await services.authenticator.authenticate(token), False
    browser = services.cookies.read_session(request.cookies.get(SESSION_COOKIE))
    if browser is None:
        return None, False
    return await services.authenticator.authenticate(browser.token), True


def _is_meant(request: Request, services: Factory) -> bool:
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return True
    browser = services.cookies.read_session(request.cookies.get(SESSION_COOKIE))
    tokens = (request.headers.get(name) for name in _CSRF_HEADERS)
    return browser is not None and any(services.cookies.is_csrf_token(browser, token) for token in tokens if token)
