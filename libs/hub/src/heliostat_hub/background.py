"""What goes on inside the hub besides answering.

Orphans and half-done deletions are cleared up, at start and after; a proxy that was restarted gets its routes again.
"""

import asyncio
from datetime import timedelta
from typing import Any

from heliostat_core.supervisor import Job, Supervisor
from heliostat_runtime import VolumeId
from jupyterhub.app import JupyterHub
from prometheus_client import REGISTRY

from .host import Host

INTERVAL = timedelta(seconds=60)
ROUTES_INTERVAL = timedelta(seconds=2)
_PROXY_DEADLINE = timedelta(seconds=5)  # a connection to a container that was killed may never end by itself
_HUB_POLL = timedelta(milliseconds=100)


async def reconcile(host: Host, hub: Any) -> None:
    """Kill servers that no record of the hub claims, finish deletions, and clear up after what was interrupted."""

    def read_claimed() -> set[VolumeId]:
        spawners = [spawner for user in hub.users.values() for spawner in user.spawners.values() if spawner.active]
        return {VolumeId(spawner.volume_id) for spawner in spawners if spawner.volume_id}

    await host.reconcile(read_claimed)


async def restore_routes(hub: Any) -> None:
    """Give a proxy that lost its routes all of them; the hub itself looks every five minutes only."""
    async with asyncio.timeout(_PROXY_DEADLINE.total_seconds()):
        known = await hub.proxy.get_all_routes()
    if hub.hub.routespec not in known:
        await hub.proxy.check_routes(hub.users, hub._service_map)  # noqa: SLF001 it is what the hub itself gives it


async def run_background(host: Host) -> None:
    """Look after servers and routes from the moment the hub knows its servers; runs until cancelled."""
    try:
        hub = JupyterHub.instance()
        while hub.http_server is None:  # noqa: ASYNC110 the hub offers nothing to wait for
            await asyncio.sleep(_HUB_POLL.total_seconds())
        jobs = [
            Job("reconcile servers", INTERVAL, lambda: reconcile(host, hub)),
            Job("restore routes", ROUTES_INTERVAL, lambda: restore_routes(hub)),
        ]
        async with Supervisor(registry=REGISTRY).running(jobs):
            await asyncio.Event().wait()
    finally:
        await host.close()


def schedule_background(host: Host) -> asyncio.Task[None] | None:
    """Start the background work in the hub's loop; None in the hub's commands that have no loop (``upgrade-db``).

    The hub cancels and awaits all tasks of its loop when it ends; the caller keeps the reference.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop.create_task(run_background(host), name="heliostat background")
