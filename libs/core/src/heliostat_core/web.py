"""What every service's HTTP face has: health, metrics, request ids, one shape of errors."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import perf_counter
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .contracts.model import ErrorView
from .database import DatabaseUnavailableError
from .errors import ForbiddenError, HeliostatError, UnauthenticatedError
from .metrics import HealthMetrics, HttpMetrics

Readiness = Callable[[], Awaitable[list[str]]]
"""Names what is not ready; empty means ready."""

DATABASE = "database"
"""What is missing when Postgres does not answer."""

_READINESS_DEADLINE = timedelta(seconds=5)

MAX_BODY = 4 * 2**20
"""Bytes of a request; the largest of ours, a thousand idle servers, has less than one MiB.

A body is read before its sender is known, so without a limit anybody could fill the memory.
"""


class RequestContextMiddleware:
    """Gives every request an id, binds it to the log, bounds and measures it. Plain ASGI, so that streams stream."""

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        begun = perf_counter()
        method = scope["method"]
        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY:
                raise HTTPException(413, f"The request is larger than {MAX_BODY} bytes")
            return message

        async def send_measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                self._metrics.requests.labels(method, route, str(message["status"])).inc()
                self._metrics.duration.labels(method, route).observe(perf_counter() - begun)
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        self._metrics.open.inc()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive_bounded, send_measured)
            finally:
                self._metrics.open.dec()


def create_service_app(*, title: str, base_path: str, registry: CollectorRegistry, **options: Any) -> FastAPI:
    """Create an app with OpenAPI under its base path, error handlers and request ids."""
    app = FastAPI(
        title=title,
        openapi_url=f"{base_path}openapi.json",
        docs_url=None,
        redoc_url=None,
        responses={"default": {"model": ErrorView}},
        **options,
    )
    app.add_middleware(RequestContextMiddleware, metrics=HttpMetrics(registry))
    app.exception_handler(HeliostatError)(_render)
    app.exception_handler(RequestValidationError)(_render_invalid)
    app.exception_handler(HTTPException)(_render_http)
    app.exception_handler(Exception)(_render_bug)
    return app


def create_health_router(*, readiness: Readiness) -> APIRouter:
    """Create ``/healthz`` (the process answers) and ``/readyz`` (it can work)."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Whether the process answers")
    async def get_health() -> dict[str, bool]:
        return {"ok": True}

    @router.get("/readyz", summary="Whether it can do its work, and what keeps it from it")
    async def get_readiness(response: Response) -> dict[str, Any]:
        missing = await _list_missing(readiness)
        response.status_code = 503 if missing else 200
        return {"ok": not missing, "missing": missing}

    return router


def create_metrics_router(*, registry: CollectorRegistry, readiness: Readiness) -> APIRouter:
    """Create ``/metrics``. It belongs at the root of the process's own port, where the hub's proxy does not lead."""
    router = APIRouter(tags=["health"])
    metrics = HealthMetrics(registry)

    @router.get("/metrics", summary="Prometheus metrics")
    async def get_metrics() -> Response:
        missing = await _list_missing(readiness)
        metrics.ready.set(not missing)
        metrics.database.set(DATABASE not in missing)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


async def _list_missing(readiness: Readiness) -> list[str]:
    try:
        async with asyncio.timeout(_READINESS_DEADLINE.total_seconds()):
            return await readiness()
    except (DatabaseUnavailableError, TimeoutError):  # all that readiness waits for is Postgres
        return [DATABASE]


def build_error_response(
    request: Request, error: HeliostatError, *, status: int | None = None, code: str | None = None
) -> JSONResponse:
    """Render an error in the one shape, with the request's id."""
    view = ErrorView(
        code=code or error.code,
        message=error.message,
        field=error.field,
        remedy=error.remedy,
        details=error.details,
        request_id=request.scope.get("state", {}).get("request_id"),
    )
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, UnauthenticatedError) else None
    return JSONResponse(view.model_dump(mode="json"), status_code=status or error.status, headers=headers)


async def _render(request: Request, error: HeliostatError) -> JSONResponse:
    return build_error_response(request, error)


async def _render_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    problem = HeliostatError(str(first["msg"]), field=where, remedy="See the OpenAPI document of this service.")
    return build_error_response(request, problem, status=422, code="invalid_request")


async def _render_http(request: Request, error: HTTPException) -> JSONResponse:
    code = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}.get(error.status_code, "bad_request")
    return build_error_response(request, HeliostatError(str(error.detail)), status=error.status_code, code=code)


async def _render_bug(request: Request, error: Exception) -> JSONResponse:
    structlog.get_logger().error("request failed", error=repr(error), exc_info=error)
    problem = HeliostatError("Something went wrong inside Heliostat", remedy="Report it with this request id.")
    return build_error_response(request, problem, status=500, code="internal_error")


def documented(*errors: type[HeliostatError]) -> dict[int | str, dict[str, Any]]:
    """Describe a route's errors for OpenAPI; a missing token or a malformed request can happen to every route."""
    invalid = {"model": ErrorView, "description": "`invalid_request`: The request does not have the documented form."}
    described: dict[int | str, dict[str, Any]] = {422: invalid}
    always: tuple[type[HeliostatError], ...] = (UnauthenticatedError, ForbiddenError)
    for error in (*always, *errors):
        known = described.setdefault(error.status, {"model": ErrorView, "description": ""})
        text = f"`{error.code}`: {(error.__doc__ or '').strip().splitlines()[0]}"
        known["description"] = f"{known['description']}\n\n{text}".strip()
    return described


def include_under(app: FastAPI, base_path: str, *routers: APIRouter) -> None:
    """Put routers under a base path that ends with a slash.

    Each by itself: routes in a router of routers are built twice, which takes longer than all else that a start does.
    """
    for router in routers:
        app.include_router(router, prefix=base_path.rstrip("/"))
