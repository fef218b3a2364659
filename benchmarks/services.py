"""Starting one real service as a process of its own, and looking at what it uses."""

import asyncio
import hashlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import psutil

from tests.support.postgres import Postgres

from .machine import ROOT

CALLER_TOKEN = "token-of-the-benchmark"  # noqa: S105 of processes that end with the benchmark
_START_DEADLINE = 30
_STOP_DEADLINE = 15
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A running service; ``url`` ends with its base path."""

    url: str
    process: psutil.Process

    def read_cpu(self) -> float:
        """Read the CPU seconds it has used."""
        times = self.process.cpu_times()
        return times.user + times.system

    def read_memory(self) -> float:
        """Read its resident memory in MiB."""
        return self.process.memory_info().rss / MIB


def find_free_port() -> int:
    """Ask the system for a port nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def build_settings(name: str, *, postgres: Postgres, database: str, hub_url: str) -> dict[str, str]:
    """Build the environment variables every service needs; the benchmark may decide and build."""
    caller = {
        "name": "benchmark",
        "token_sha256": hashlib.sha256(CALLER_TOKEN.encode()).hexdigest(),
        "scopes": ["decide", "build"],
    }
    values = {
        "DATABASE_URL": postgres.url(database, role=f"heliostat_{name}"),
        "PORT": str(find_free_port()),
        "HUB_API_URL": hub_url,
        "HUB_API_TOKEN": "token-of-the-service",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "CALLERS": json.dumps([caller]),
    }
    return {f"HELIOSTAT_{name.upper()}_{key}": value for key, value in values.items()}


def build_policy_settings(*, postgres: Postgres, database: str, hub_url: str) -> dict[str, str]:
    """Build the environment variables of a policy service with the default policy."""
    default = str(ROOT / "deploy" / "policy" / "default.yaml")
    common = build_settings("policy", postgres=postgres, database=database, hub_url=hub_url)
    return {**common, "HELIOSTAT_POLICY_DEFAULT_POLICY": default}


@asynccontextmanager
async def running_service(name: str, settings: Mapping[str, str], *, base_path: str) -> AsyncIterator[ServiceProcess]:
    """Run ``python -m heliostat_<name>``, its output in a file beside nothing else, until it is left."""
    port = settings[f"HELIOSTAT_{name.upper()}_PORT"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"heliostat_{name}", env={**os.environ, **settings}, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        root = f"http://127.0.0.1:{port}"
        await _wait_until_ready(process, f"{root}/readyz")
        yield ServiceProcess(url=f"{root}{base_path}", process=psutil.Process(process.pid))
    finally:
        await _stop(process)


async def _wait_until_ready(process: asyncio.subprocess.Process, url: str) -> None:
    async with asyncio.timeout(_START_DEADLINE), httpx.AsyncClient(trust_env=False) as client:
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the service ended with {process.returncode}")
            try:
                if (await client.get(url)).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_DEADLINE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
