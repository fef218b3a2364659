"""Debian's docker-registry on loopback, in a directory of its own; engines speak plain HTTP to 127.0.0.1."""

import asyncio
import contextlib
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.certificates import Certificate

USER, PASSWORD = "heliostat", "a-password-of-the-registry"
HASH = "$2b$04$jNjO2ndiy6LD3HOtWIZmWOX.RF2ax0cyNWYy6HqwyMf2bnDWHvBWm"  # bcrypt, all a registry knows


def find_obstacle() -> str | None:
    """Say why no registry can run here; None when one can."""
    if shutil.which("docker-registry") is None:
        return "the package docker-registry is not installed (root: CI=true make test-packages)"
    return None


@asynccontextmanager
async def running_registry(
    directory: Path, *, locked: bool = False, certificate: Certificate | None = None
) -> AsyncIterator[str]:
    """Run a registry and yield its `host:port`; a locked one wants `USER` and `PASSWORD`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = directory / "registry.json"  # JSON is YAML
    config.write_text(json.dumps(_build_config(directory, address, locked=locked, certificate=certificate)))
    process = await asyncio.create_subprocess_exec(
        "docker-registry", "serve", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _wait(address)
        yield address
    finally:
        process.kill()
        await process.wait()


def _build_config(directory: Path, address: str, *, locked: bool, certificate: Certificate | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "registry")}, "delete": {"enabled": True}},
        "http": {"addr": address},
    }
    if locked:
        users = directory / "users"
        users.write_text(f"{USER}:{HASH}\n")
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(users)}}
    if certificate:
        config["http"]["tls"] = {"certificate": str(certificate.certificate), "key": str(certificate.key)}
    return config


async def _wait(address: str) -> None:
    host, port = address.split(":")
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(host, int(port))
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.02)
