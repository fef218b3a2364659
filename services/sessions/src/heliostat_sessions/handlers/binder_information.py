"""BinderHub's small endpoints: what it is, how it is, what it can launch, badges, and its oldest links."""

from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from heliostat_core.clients import PeerUnavailableError
from heliostat_core.contracts.builds import ProviderView
from heliostat_core.web import documented

from ..config import BASE_PATH
from ..domain.openings import build_opening
from .dependencies import Services, get_process

router = APIRouter(tags=["binder"])

_STATIC = Path(__file__).parents[1] / "static"
_ANYBODY = {"Access-Control-Allow-Origin": "*"}
_BADGE_HEADERS = {"Cache-Control": "public, max-age=3600", "Content-Security-Policy": "default-src 'none'"}


@router.get("/versions", summary="What runs here, as BinderHub says it; for pages of any origin")
async def get_versions() -> JSONResponse:
    number = version("heliostat-sessions")
    builder = f"heliostat-builder:{number}"
    content = {"builder_info": {"build_image": builder}, "binderhub": number, "builder": builder}
    return JSONResponse(content, headers=_ANYBODY)


@router.head("/health", include_in_schema=False)
@router.get("/health", summary="Whether what launches need is there, as BinderHub says it; 503 if not")
async def get_binder_health(services: Services) -> JSONResponse:
    health = await services.health.check()
    return JSONResponse({"ok": health.ok, "checks": health.checks}, status_code=200 if health.ok else 503)


@router.get(
    "/api/repoproviders",
    summary="Kinds of places repositories are in, as BinderHub describes them",
    response_model_exclude_none=True,
    responses=documented(PeerUnavailableError),
)
async def get_repoproviders(services: Services) -> list[ProviderView]:
    return await services.plans.list_providers()


@router.get("/_config", summary="The same for old clients", responses=documented(PeerUnavailableError))
async def get_labels(services: Services) -> dict[str, dict[str, Any]]:
    return {
        provider.id: {
            "text": provider.repo.label,
            "tag_text": "Git ref (branch, tag, or commit)",
            "ref_prop_disabled": not provider.ref.enabled,
            "label_prop_disabled": False,
        }
        for provider in await services.plans.list_providers()
    }


@router.get("/badge.svg", include_in_schema=False)
async def get_badge() -> FileResponse:
    return FileResponse(_STATIC / "badge.svg", media_type="image/svg+xml", headers=_BADGE_HEADERS)


@router.get("/badge_logo.svg", include_in_schema=False)
async def get_badge_with_logo() -> FileResponse:
    return FileResponse(_STATIC / "badge_logo.svg", media_type="image/svg+xml", headers=_BADGE_HEADERS)


@router.get("/repo/{user}/{repo}", include_in_schema=False)
@router.get("/repo/{user}/{repo}/{path:path}", include_in_schema=False)
async def get_old_link(request: Request, user: str, repo: str, path: str = "") -> Response:
    opening = build_opening(urlpath=f"/{path}") if path else None
    target = f"{get_process(request).config.public}{BASE_PATH}v2/gh/{quote(user, safe='')}/{quote(repo, safe='')}/HEAD"
    return RedirectResponse(f"{target}?urlpath={quote('/' + opening, safe='')}" if opening else target, status_code=302)
