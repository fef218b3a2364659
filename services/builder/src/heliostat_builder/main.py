"""The builder's process.

``python -m heliostat_builder`` serves; ``python -m heliostat_builder rebuild`` makes the read models anew.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import structlog
from fastapi import APIRouter, FastAPI
from heliostat_core.database import Database
from heliostat_core.errors import HeliostatError
from heliostat_core.eventstore import Projection, rebuild
from heliostat_core.logging import configure_logging
from heliostat_core.metrics import create_registry
from heliostat_core.schema.version import ensure_current
from heliostat_core.serve import serve
from heliostat_core.web import create_health_router, create_service_app

from .background import build_jobs
from .config import BuilderConfig
from .factory import SERVICE, ProcessContext, build_store
from .handlers import builds, environments, plans
from .storage.projections import BuildProjection, EnvironmentProjection

BASE_PATH = "/services/builder/"
_USAGE = "usage: python -m heliostat_builder [rebuild]"


class State(TypedDict):
    """What requests find in ``request.state``."""

    process: ProcessContext


def create_app(config: BuilderConfig) -> FastAPI:
    """Make the app of one process; nothing is opened before its lifespan begins."""
    registry = create_registry()
    opened: list[ProcessContext] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with ProcessContext.open(config, registry=registry) as process:
            await process.factory.environments.reconcile()
            async with process.supervisor.running(build_jobs(process)):
                opened.append(process)
                try:
                    yield {"process": process}
                finally:
                    opened.clear()

    async def list_missing() -> list[str]:
        return await opened[0].list_missing() if opened else ["starting"]

    app = create_service_app(title="Heliostat builder", base_path=BASE_PATH, registry=registry, lifespan=lifespan)
    app.include_router(create_health_router(registry=registry, readiness=list_missing))
    for router in (builds.router, plans.router, environments.router):
        app.include_router(_under_base(router))
    return app


def _under_base(router: APIRouter) -> APIRouter:
    based = APIRouter(prefix=BASE_PATH.rstrip("/"))
    based.include_router(router)
    return based


async def rebuild_read_models(config: BuilderConfig) -> int:
    """Make all read models again from the log and return the number of events read."""
    async with Database.open(config.database_url, application=f"{SERVICE}-rebuild") as database:
        await ensure_current(database)
        projections: list[Projection] = [BuildProjection(), EnvironmentProjection()]
        return await rebuild(build_store(database), projections)


def main() -> None:
    """Run what the command line asks for."""
    if sys.argv[1:] not in ([], ["rebuild"]):
        sys.exit(_USAGE)
    config = BuilderConfig()
    configure_logging(service=SERVICE, log_format=config.log_format)
    if sys.argv[1:] == ["rebuild"]:
        try:
            events = asyncio.run(rebuild_read_models(config))
        except HeliostatError as error:
            sys.exit(f"{error.message}. {error.remedy or ''}")
        structlog.get_logger().info("read models rebuilt", events=events)
        return
    serve(create_app(config), config)
