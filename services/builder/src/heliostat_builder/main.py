"""The builder's process.

``python -m heliostat_builder`` serves; ``python -m heliostat_builder rebuild`` makes the read models anew.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI
from heliostat_core.metrics import create_registry
from heliostat_core.serve import run_service
from heliostat_core.web import create_health_router, create_metrics_router, create_service_app, include_under

from .background import build_jobs
from .config import BuilderConfig
from .factory import SERVICE, ProcessContext
from .handlers import builds, environments, plans, providers, retention
from .storage.projections import BuildProjection, EnvironmentProjection

BASE_PATH = "/services/builder/"


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
    health = create_health_router(readiness=list_missing)
    app.include_router(health)
    app.include_router(create_metrics_router(registry=registry, readiness=list_missing))
    include_under(
        app, BASE_PATH, health, builds.router, plans.router, providers.router, environments.router, retention.router
    )
    return app


def main() -> None:
    """Run the process."""
    run_service(
        SERVICE, BuilderConfig(), create_app=create_app, projections=[BuildProjection(), EnvironmentProjection()]
    )
