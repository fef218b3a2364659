"""The pages people launch on: a form, links, a launch. They are read only; what they change goes through the API."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import unquote
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from heliostat_core.errors import UnauthenticatedError

from ..config import BASE_PATH
from ..domain.binder_links import BinderLink, read_binder_link
from .binder_readers import read_page_host
from .dependencies import Browser, Services, get_process
from .login import read_target
from .rendering import Guest, PageRoute, Visitor, get_viewer, render

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_RECENT = 10


@router.get("/")
async def get_home(
    *,
    request: Request,
    visitor: Guest,
    services: Services,
    provider: Annotated[str, Query(max_length=20)] = "",
    repo: Annotated[str, Query(max_length=4000)] = "",
    ref: Annotated[str, Query(max_length=255)] = "",
    path: Annotated[str, Query(max_length=2000)] = "",
    kind: Literal["file", "url"] = "file",
) -> Response:
    providers = await services.plans.list_providers()
    launches = await services.launches.list_of_user(visitor.caller.name, under_way=False) if visitor else []
    return render(
        request,
        "home.html",
        providers=[view.model_dump(by_alias=True, exclude_none=True) for view in providers],
        launches=launches[:_RECENT],
        form={"provider": provider, "repo": repo, "ref": ref, "path": path, "kind": kind},
    )


@router.get("/v2/{provider}/{spec:path}")  # noqa: FAST003 read from the raw path, where encoding is kept
async def get_link_page(
    *,
    request: Request,
    browser: Browser,
    services: Services,
    new: Annotated[bool, Query(description="launch in a new server, also where one of this commit exists")] = False,
) -> Response:
    """Show the page that asks for the launch of a link, once: opening it by itself changes nothing."""
    link = read_binder_link(request.scope["raw_path"], below=f"{BASE_PATH}v2/", query=request.query_params)
    title = f"Launch {_describe(link)}"
    texts: dict[str, Any] = {
        "title": title,
        "description": f"{title} as a running JupyterLab, in an environment built for it.",
    }
    try:
        await get_viewer(request, services, browser)
    except UnauthenticatedError:
        target = read_target(request)
        if not get_process(request).config.anonymous_launches:
            return render(request, "sign_in.html", target=target, **texts)
        token = services.build_tokens.mint(audience=link.audience, origin=read_page_host(request), user=None)
        return render(request, "guest.html", launch=None, link=link, build_token=token, target=target, **texts)
    body = {"provider": link.provider, "repo": link.spec, "spec": True, "urlpath": link.urlpath, "new": new}
    return render(request, "launch.html", launch=None, body=body, now=datetime.now(UTC), **texts)


@router.get("/launches/{launch_id}")
async def get_launch_page(*, request: Request, visitor: Visitor, services: Services, launch_id: UUID) -> Response:
    launch = await services.launches.read(launch_id, by=visitor.caller)
    body = (await services.launches.read_request(launch_id)).model_dump(exclude_defaults=True)
    title = f"{launch.repo} at {launch.ref}"
    texts: dict[str, Any] = {"title": title, "description": f"A launch of {title}"}
    return render(request, "launch.html", launch=launch, body=body, now=datetime.now(UTC), **texts)


@router.get("/launches/{launch_id}/log.txt")
async def get_launch_log(*, visitor: Visitor, services: Services, launch_id: UUID) -> Response:
    """Give the log of a launch's build, as far as it is, as a file that does no harm in a terminal."""
    launch = await services.launches.read(launch_id, by=visitor.caller)
    text: AsyncIterator[bytes] = services.log_texts.watch(launch.build_id) if launch.build_id else _nothing()
    headers = {"Content-Disposition": f'attachment; filename="launch-{launch_id}.txt"', "Cache-Control": "no-store"}
    return StreamingResponse(text, media_type="text/plain; charset=utf-8", headers=headers)


async def _nothing() -> AsyncIterator[bytes]:
    yield b"Nothing was built for this launch.\n"


def _describe(link: BinderLink) -> str:
    return f"{link.provider}/{unquote(link.spec)}"
