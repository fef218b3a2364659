"""BinderHub's event stream. Its clients know no other status than 200, so what fails is a message."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from heliostat_core.errors import ForbiddenError, HeliostatError, UnauthenticatedError

from ..config import BASE_PATH
from ..domain.binder_links import read_binder_link
from ..domain.binder_messages import BinderAsk, build_failure, build_request_failure
from ..domain.binder_places import ENDED
from ..domain.clients import build_rate_key
from ..errors import BuildOnlyNotAllowedError, BuildTokenInvalidError, CsrfError, RateLimitError
from ..factory import ProcessContext
from ..services.binder import build_refusal_frame
from ..services.rate_limits import Allowance, RateLimiter
from .binder_readers import identify_reader, read_client_ip
from .dependencies import get_process

router = APIRouter(tags=["binder"])

_FORBIDDEN = (UnauthenticatedError, ForbiddenError, CsrfError, BuildTokenInvalidError)


@router.get(
    "/build/{spec:path}",
    response_class=StreamingResponse,
    summary="Build and launch as BinderHub does: server-sent events, status 200 whatever happens",
)
async def get_build(
    *,
    request: Request,
    spec: Annotated[str, Path(description="<provider>/<spec>, percent-encoded as in BinderHub's links")],  # noqa: ARG001 read raw
    build_token: Annotated[str, Query(description="token of a page of ours")] = "",
    build_only: Annotated[str, Query(description="true: build, and launch nothing")] = "",
    last_event_id: Annotated[str, Header(description="the last id received: goes on there, and launches nothing")] = "",
) -> Response:
    asked = _Asked(build_token=build_token, build_only=build_only.lower() == "true", last_id=last_event_id)
    try:
        return await _answer(request, get_process(request), asked)
    except _FORBIDDEN as error:
        return _refuse(error, status=403)
    except RateLimitError as error:
        response = _refuse(error, status=error.status)
        response.headers["Retry-After"] = str(error.retry_after)
        _tell_allowance(response, Allowance(limit=error.limit, remaining=0, ends_at=error.ends_at))
        return response
    except BuildOnlyNotAllowedError as error:
        return _refuse(error, status=error.status)
    except HeliostatError as error:
        return _refuse(error)


@dataclass(frozen=True, slots=True)
class _Asked:
    build_token: str
    build_only: bool
    last_id: str


async def _answer(request: Request, process: ProcessContext, asked: _Asked) -> Response:
    config, services = process.config, process.factory
    link = read_binder_link(request.scope["raw_path"], below=f"{BASE_PATH}build/", query={})
    reader = await identify_reader(request, services, link, build_token=asked.build_token)
    place = services.places.read(asked.last_id, reader=reader.name)
    if asked.last_id == ENDED or (place is not None and place.final):
        return Response(status_code=204)  # for an EventSource, the end of its reconnections
    if asked.build_only and not config.build_only:
        raise BuildOnlyNotAllowedError
    allowance = await _charge(request, process, reader.name, asked) if place is None else None
    ask = BinderAsk(link=link, host=f"{config.public}{BASE_PATH}", client_ip=read_client_ip(request))
    response = services.binder.stream(ask, by=reader, build_only=asked.build_only, after=place)
    if allowance is not None:
        _tell_allowance(response, allowance)
    return response


async def _charge(request: Request, process: ProcessContext, user: str, asked: _Asked) -> Allowance | None:
    """Count what begins something; who comes back to it is not counted."""
    limits: RateLimiter = process.factory.rate_limits
    if user:
        most = process.config.user_rate
        return None if most is None else await limits.charge(f"user:{user}", limit=most)
    if asked.build_token:
        return None
    return await limits.charge(build_rate_key(read_client_ip(request)), limit=process.config.anonymous_rate)


def _tell_allowance(response: Response, allowance: Allowance) -> None:
    response.headers["x-ratelimit-limit"] = str(allowance.limit)
    response.headers["x-ratelimit-remaining"] = str(allowance.remaining)
    response.headers["x-ratelimit-reset"] = str(int(allowance.ends_at.timestamp()))


def _refuse(error: HeliostatError, *, status: int | None = None) -> Response:
    message = build_request_failure(error) if status is None else build_failure(error, status=status)
    return Response(build_refusal_frame(message), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
