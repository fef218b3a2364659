"""Serving an ASGI app on a free loopback port."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from heliostat_core.clients import load_tls_context
from starlette.types import ASGIApp
from typing_extensions import override


class _Server(uvicorn.Server):
    """Ends as soon as it is asked to; uvicorn's own looks ten times a second, and hundreds of tests wait for four."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.asked_to_end = asyncio.Event()

    @override
    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.asked_to_end.wait()


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve the app, lifespan included, and yield its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="test server")
    try:
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError("the app did not start")
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.asked_to_end.set()
        await task
        listener.close()


def connecting(url: str) -> httpx.AsyncClient:
    """Create a client whose base is the URL; to be left when the test ends."""
    return httpx.AsyncClient(base_url=url, timeout=60, verify=load_tls_context(), trust_env=False)
