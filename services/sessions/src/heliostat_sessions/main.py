"""The sessions service's process.

``python -m heliostat_sessions`` serves; with ``rebuild`` it makes the read models again from the log.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI
from heliostat_core.metrics import create_registry
from heliostat_core.serve import run_service
from heliostat_core.web import create_health_router, create_metrics_router, create_service_app, include_under
from starlette.middleware.cors import CORSMiddleware

from .background import build_jobs
from .config import BASE_PATH, SessionsConfig
from .factory import ProcessContext, build_projections
from .handlers import (
    activity,
    administration,
    administration_api,
    binder,
    binder_information,
    events,
    home,
    launches,
    login,
    pages,
    plans,
    sessions,
    shares,
)
from .handlers.static_files import StaticPages

SERVICE = "sessions"
_REQUEST_HEADERS = ["Authorization", "Cache-Control", "Idempotency-Key", "Last-Event-ID", "X-XSRFToken"]
"""What pages of allowed origins may send besides the ordinary. Cookies are not among it."""
_RESPONSE_HEADERS = ["Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Request-ID"]


class State(TypedDict):
    """What requests find in ``request.state``."""

    process: ProcessContext


def create_app(config: SessionsConfig) -> FastAPI:
    """Make the app of one process; nothing is opened before its lifespan begins."""
    registry = create_registry()
    opened: list[ProcessContext] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with (
            ProcessContext.open(config, registry=registry) as process,
            process.supervisor.running(build_jobs(process)),
        ):
            opened.append(process)
            try:
                yield {"process": process}
            finally:
                opened.clear()

    async def list_missing() -> list[str]:
        return await opened[0].list_missing() if opened else ["starting"]

    app = create_service_app(title="Heliostat sessions", base_path=BASE_PATH, registry=registry, lifespan=lifespan)
    health = create_health_router(readiness=list_missing)
    app.include_router(health)
    app.include_router(create_metrics_router(registry=registry, readiness=list_missing))
    include_under(
        app,
        BASE_PATH,
        health,
        launches.router,
        plans.router,
        sessions.router,
        shares.router,
        home.router,
        home.pages,
        activity.router,
        binder.router,
        binder_information.router,
        events.router,
        administration_api.router,
        administration.router,
        login.router,
        pages.router,
    )
    if config.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=config.origins,
            allow_methods=["GET", "HEAD", "POST", "DELETE"],
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_RESPONSE_HEADERS,
        )
    app.mount(f"{BASE_PATH}static", StaticPages(), name="static")
    return app


def main() -> None:
    """Run the process."""
    run_service(SERVICE, SessionsConfig(), create_app=create_app, projections=build_projections())
