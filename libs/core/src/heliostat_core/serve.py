"""A service's process: ``python -m <service>`` serves, ``python -m <service> rebuild`` makes the read models anew."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
import uvicorn
from fastapi import FastAPI

from .config import ServiceConfig
from .database import Database
from .errors import HeliostatError
from .eventstore import EventStore, Projection, rebuild
from .logging import configure_logging
from .schema.version import ensure_current

Config = TypeVar("Config", bound=ServiceConfig)


def run_service(
    service: str, config: Config, *, create_app: Callable[[Config], FastAPI], projections: Sequence[Projection]
) -> None:
    """Do what the command line asks for."""
    if sys.argv[1:] not in ([], ["rebuild"]):
        sys.exit(f"usage: python -m heliostat_{service} [rebuild]")
    configure_logging(service=service, log_format=config.log_format)
    if not sys.argv[1:]:
        serve(create_app(config), config)
        return
    try:
        events = asyncio.run(rebuild_read_models(service, config, projections=projections))
    except HeliostatError as error:
        sys.exit(f"{error.message}. {error.remedy or ''}")
    structlog.get_logger().info("read models rebuilt", events=events)


async def rebuild_read_models(service: str, config: ServiceConfig, *, projections: Sequence[Projection]) -> int:
    """Make read models again from the log and return the number of events read."""
    async with Database.open(config.database_url, application=f"{service}-rebuild") as database:
        await ensure_current(database)
        return await rebuild(EventStore(database=database, projections=projections), projections)


def serve(app: FastAPI, config: ServiceConfig) -> None:
    """Serve until a signal; open streams are given five seconds to end."""
    uvicorn.run(
        app,
        host=str(config.host),
        port=config.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        proxy_headers=False,
        loop="uvloop",
        http="httptools",
    )
