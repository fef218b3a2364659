"""The real supervisor and a real Postgres, with small programs in the place of the hub, the proxy and the services."""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

from heliostat_local.component import Component
from heliostat_local.config import LocalConfig
from heliostat_local.errors import LocalError
from heliostat_local.hub_api import HttpProbe
from heliostat_local.ports import ensure_ports
from heliostat_local.postgres import PostgresCluster
from heliostat_local.up import Preparation, up

SERVER = Path(__file__).with_name("stand_in_service.py")


async def nothing() -> None:
    """Stand in for the migrations."""


def prepare(given: Preparation) -> list[Component]:
    ports = ensure_ports(given.layout.ports)

    def service(name: str, *after: str) -> Component:
        return Component(
            name=name,
            command=[sys.executable, "-I", str(SERVER), str(ports[name])],
            environment={"PATH": "/usr/bin:/bin"},
            directory=Path("/"),
            after=after,
            is_ready=HttpProbe(given.client, f"http://127.0.0.1:{ports[name]}/"),
            start_deadline=timedelta(seconds=20),
        )

    postgres = PostgresCluster(given.layout, given.secret_files).build_component(complete=nothing)
    broken = [service("hub", "policy")] if "BREAK" not in os.environ else [broken_service(given)]
    return [postgres, service("policy", "postgres"), *broken]


def broken_service(given: Preparation) -> Component:
    return Component(
        name="hub",
        command=[sys.executable, "-I", "-c", "raise SystemExit('the reason stands here')"],
        environment={},
        directory=Path("/"),
        after=("policy",),
        is_ready=HttpProbe(given.client, "http://127.0.0.1:1/"),
    )


def say(message: str) -> None:
    sys.stdout.write(f"{message}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        asyncio.run(up(LocalConfig(), inherited=os.environ, say=say, prepare=prepare))
    except LocalError as e:
        sys.exit(f"heliostat: {e}")
