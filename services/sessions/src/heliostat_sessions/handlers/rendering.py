"""Answering browsers in HTML: templates, their headers, who looks, and errors as pages."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from heliostat_core.auth import Principal, Scope
from heliostat_core.errors import HeliostatError, NotFoundError, UnauthenticatedError
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from typing_extensions import override

from ..config import BASE_PATH
from .dependencies import Browser, Services, get_process
from .login import read_target, redirect_to_login

# The hub's Bootstrap has its icons as data: addresses. Scripts may set styles through the DOM; markup may not.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
        " font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_templates = Environment(
    loader=PackageLoader("heliostat_sessions"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person in front of a page, and the token their page's scripts send with every change."""

    caller: Principal
    csrf: str


async def get_viewer(request: Request, services: Services, browser: Browser) -> Viewer:
    """Find out who looks at a page.

    Raises
    ------
    UnauthenticatedError
        Nobody who is signed in; `PageRoute` sends them to the hub.
    """
    if browser is None:
        raise UnauthenticatedError
    caller = await services.authenticator.authenticate(browser.token)
    viewer = Viewer(caller=caller, csrf=services.cookies.build_csrf_token(browser))
    request.state.viewer = viewer
    caller.require(Scope.LAUNCH)
    return viewer


async def get_guest(request: Request, services: Services, browser: Browser) -> Viewer | None:
    """Find out who looks at a page that is also for people without a sign-in, where anonymous launches are allowed.

    Raises
    ------
    UnauthenticatedError
        Nobody who is signed in, and they are not allowed.
    """
    try:
        return await get_viewer(request, services, browser)
    except UnauthenticatedError:
        if get_process(request).config.anonymous_launches:
            return None
        raise


async def get_admin_viewer(viewer: Annotated[Viewer, Depends(get_viewer)]) -> Viewer:
    """Let only administrators pass."""
    viewer.caller.require(Scope.ADMIN)
    return viewer


Visitor = Annotated[Viewer, Depends(get_viewer)]
Guest = Annotated[Viewer | None, Depends(get_guest)]
AdminVisitor = Annotated[Viewer, Depends(get_admin_viewer)]


class PageRoute(APIRoute):
    """A page: an error is one too, and who is not signed in is sent to sign in and comes back."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_page(request: Request) -> Response:
            try:
                return await handle(request)
            except UnauthenticatedError:
                return redirect_to_login(read_target(request), get_process(request))
            except RequestValidationError:
                error: HeliostatError = NotFoundError(what="page", key=request.url.path)
            except HeliostatError as raised:
                error = raised
            return render(request, "error.html", status=error.status, error=error)

        return handle_page


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """Answer with a template; every page has the values that `page.html` needs."""
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    public = get_process(request).config.public
    root = urlsplit(public).path
    page = _templates.get_template(template).render(
        base=f"{root}{BASE_PATH}",
        hub=f"{root}/hub",
        public_base=f"{public}{BASE_PATH}",
        user=viewer.caller.name if viewer else None,
        admin=viewer is not None and viewer.caller.admin,
        csrf=viewer.csrf if viewer else "",
        **values,
    )
    return HTMLResponse(page, status_code=status, headers=_HEADERS)
