"""Running a service's app."""

import uvicorn
from fastapi import FastAPI

from .config import ServiceConfig


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
