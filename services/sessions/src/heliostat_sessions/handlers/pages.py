"""The plain pages: a form, a launch, one's servers. They are read only; what they change goes through the API."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response
from heliostat_core.auth import Principal, Scope
from heliostat_core.errors import HeliostatError, UnauthenticatedError
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from ..config import BASE_PATH
from ..domain.cookies import BrowserSession
from ..domain.urls import to_segment
from ..factory import ProcessContext
from .dependencies import Browser, get_process
from .login import redirect_to_login

router = APIRouter(include_in_schema=False)

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
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

Process = Annotated[ProcessContext, Depends(get_process)]


@router.get("/")
async def get_home(
    *,
    request: Request,
    process: Process,
    browser: Browser,
    repo: Annotated[str, Query(max_length=2000)] = "",
    ref: Annotated[str, Query(max_length=255)] = "",
    path: Annotated[str, Query(max_length=1000)] = "",
) -> Response:
    caller = await _identify(process, browser)
    if caller is None or browser is None:
        return redirect_to_login(request, process)
    services = process.factory
    launches, sessions = await asyncio.gather(
        services.launches.list_of_user(caller.name, under_way=True), services.sessions.list_of_user(caller.name)
    )
    form = {"repo": repo, "ref": ref, "path": path}
    return _render(process, caller, browser, "home.html", launches=launches, sessions=sessions, form=form)


@router.get("/launches/{launch_id}")
async def get_launch_page(request: Request, process: Process, browser: Browser, launch_id: UUID) -> Response:
    caller = await _identify(process, browser)
    if caller is None or browser is None:
        return redirect_to_login(request, process)
    try:
        launch = await process.factory.launches.read(launch_id, by=caller)
    except HeliostatError as error:
        return _render(process, caller, browser, "error.html", status=error.status, error=error)
    return _render(process, caller, browser, "launch.html", launch=launch)


async def _identify(process: ProcessContext, browser: BrowserSession | None) -> Principal | None:
    """Find out who looks at a page; None when they have to sign in."""
    if browser is None:
        return None
    try:
        caller = await process.factory.authenticator.authenticate(browser.token)
    except UnauthenticatedError:
        return None
    caller.require(Scope.LAUNCH)
    return caller


def _render(
    process: ProcessContext,
    caller: Principal,
    browser: BrowserSession,
    template: str,
    *,
    status: int = 200,
    **values: Any,
) -> Response:
    page = _templates.get_template(template).render(
        base=BASE_PATH,
        home=f"{process.config.public}/hub/home",
        user=caller.name,
        csrf=process.factory.cookies.build_csrf_token(browser),
        segment=to_segment,
        **values,
    )
    return HTMLResponse(page, status_code=status, headers=_HEADERS)
