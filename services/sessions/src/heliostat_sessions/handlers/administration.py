"""Pages for administrators: everybody's servers, builds, environments, the timeline, policies.

They only read. What they change goes through the API with its CSRF token; where that is another service's, through
`administration_api` with the administrator's own token.
"""

import difflib
import json
import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from heliostat_core.contracts.builds import BuildState
from heliostat_core.contracts.policy import PolicyVersionView
from heliostat_core.errors import NotFoundError, UnauthenticatedError

from ..domain.urls import to_segment
from ..services.timeline import KINDS, read_kinds
from ..storage.timeline import TimelineFilter
from .dependencies import Browser, Services
from .rendering import AdminVisitor, PageRoute, render

router = APIRouter(prefix="/admin", include_in_schema=False, route_class=PageRoute)

_PAGE = 100
_LOG_PAGE = 1000
_MOST_VERSION = 2**31 - 1
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROLS = {code: 0x2400 + code for code in range(0x20) if chr(code) != "\t"}
_CONTROLS |= dict.fromkeys((*range(0x7F, 0xA0), *_DIRECTIONS), 0xFFFD)
"""Control characters become the pictures Unicode has of them, or its sign for what cannot be shown."""

Text = Annotated[str, Query(max_length=2000)]


def get_admin_token(_: AdminVisitor, browser: Browser) -> str:
    """Give the token of the administrator who looks, which is all the other services are asked with."""
    if browser is None:
        raise UnauthenticatedError
    return browser.token


AdminToken = Annotated[str, Depends(get_admin_token)]


@router.get("/sessions")
async def get_sessions_page(
    *,
    request: Request,
    _: AdminVisitor,
    services: Services,
    user: Text = "",
    after_user: Text = "",
    after_name: Text = "",
) -> Response:
    page = await services.administration.list_sessions(user=user or None, after=(after_user, after_name), most=_PAGE)
    return render(request, "admin_sessions.html", page=page, user_filter=user, segment=to_segment)


@router.get("/builds")
async def get_builds_page(
    *,
    request: Request,
    token: AdminToken,
    services: Services,
    repo: Text = "",
    state: Text = "",
    before: UUID | None = None,
) -> Response:
    wanted = BuildState(state) if state in set(BuildState) else None
    page = await services.administration.list_builds(
        token=token, repo=repo or None, state=wanted, before=before, most=_PAGE
    )
    return render(request, "admin_builds.html", page=page, repo=repo, state=wanted, states=list(BuildState))


@router.get("/builds/{build_id}")
async def get_build_page(
    *,
    request: Request,
    token: AdminToken,
    services: Services,
    build_id: UUID,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    build = await services.administration.read_build(build_id, token=token)
    log = await services.administration.list_log(build_id, after=after, most=_LOG_PAGE)
    lines = [(line.number, _neutralise(line.text)) for line in log.lines]
    return render(request, "admin_build.html", build=build, lines=lines, after=after, last=log.last)


@router.get("/environments")
async def get_environments_page(*, request: Request, token: AdminToken, services: Services) -> Response:
    environments = await services.administration.list_environments(token=token)
    return render(request, "admin_environments.html", environments=environments)


@router.get("/timeline")
async def get_timeline_page(  # one parameter per filter
    *,
    request: Request,
    _: AdminVisitor,
    services: Services,
    user: Text = "",
    repo: Text = "",
    launch: Text = "",
    session: Text = "",
    stream: Text = "",
    kind: Annotated[str, Query(max_length=50)] = "",
    before: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
) -> Response:
    form = {"user": user, "repo": repo, "launch": launch, "session": session, "stream": stream, "kind": kind}
    given = {name: value.strip() for name, value in form.items() if value.strip()}
    wanted = TimelineFilter(
        user=given.get("user"),
        repo=given.get("repo"),
        launch=_read_id("launch", given.get("launch")),
        session=_read_id("server", given.get("session")),
        stream=given.get("stream"),
        kinds=read_kinds([kind] if kind else ()),
        before=before,
        most=_PAGE,
    )
    view = await services.timeline.list_(wanted)
    nouns = sorted({name.partition(".")[0] for name in KINDS})
    older = {**given, "before": view.events[-1].position} if view.older else None
    return render(
        request, "admin_timeline.html", events=view.events, older=older, form=form, nouns=nouns, pretty=_pretty
    )


@router.get("/policies")
async def get_policies_page(
    *,
    request: Request,
    token: AdminToken,
    services: Services,
    before: Annotated[int | None, Query(ge=1, le=_MOST_VERSION)] = None,
) -> Response:
    page = await services.administration.list_policies(token=token, before=before, most=_PAGE)
    return render(request, "admin_policies.html", policies=page.policies, last=page.last, first=before is None)


@router.get("/policies/{version}")
async def get_policy_page(
    *,
    request: Request,
    token: AdminToken,
    services: Services,
    version: Annotated[int, Path(ge=1, lt=_MOST_VERSION)],
) -> Response:
    page = await services.administration.list_policies(token=token, before=version + 1, most=2)
    policies = page.policies
    by_version = {policy.version: policy for policy in policies.versions}
    if version not in by_version:
        raise NotFoundError(what="policy version", key=str(version))
    policy, previous = by_version[version], by_version.get(version - 1)
    difference = _compare(previous, policy) if previous else None
    return render(request, "admin_policy.html", policy=policy, in_force=policies.in_force, difference=difference)


def _compare(before: PolicyVersionView, after: PolicyVersionView) -> list[str]:
    names = f"version {before.version}", f"version {after.version}"
    return list(difflib.unified_diff(before.source.splitlines(), after.source.splitlines(), *names, lineterm=""))


def _read_id(what: str, text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError as error:
        raise NotFoundError(what=what, key=text or "") from error


def _pretty(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2)


def _neutralise(text: str) -> str:
    """Take the colours out of a line of somebody's build, and the power out of every other control character."""
    return _COLOURS.sub("", text).translate(_CONTROLS)
