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
_RESTORE_DEADLINE = timedelta(seconds=60)
_HUB_POLL = timedelta(milliseconds=100)

# A loop refers weakly to tasks that wait, and the hub forgets the names of its configuration file: without this the
# collector takes the work away.
_tasks: set[asyncio.Task[None]] = set()


async def reconcile(host: Host, hub: Any) -> None:
    """Kill servers that no record of the hub claims, finish deletions, and clear up after what was interrupted."""

    def read_claimed() -> set[VolumeId]:
        spawners = [spawner for user in hub.users.values() for spawner in user.spawners.values() if spawner.active]
        return {VolumeId(spawner.volume_id) for spawner in spawners if spawner.volume_id}

    await host.reconcile(read_claimed)


async def restore_routes(hub: Any) -> None:
    """Give a proxy that lost routes all of them; the hub itself looks every five minutes only."""
    async with asyncio.timeout(_PROXY_DEADLINE.total_seconds()):
        known = await hub.proxy.get_all_routes()
    if _read_expected_routes(hub) <= known.keys():
        return
    async with asyncio.timeout(_RESTORE_DEADLINE.total_seconds()):
        await hub.proxy.check_routes(hub.users, hub._service_map)  # noqa: SLF001 it is what the hub itself gives it


def _read_expected_routes(hub: Any) -> set[str]:
    services = {service.proxy_spec for service in hub._service_map.values() if service.server}  # noqa: SLF001 as above
    spawners = [spawner for user in hub.users.values() for spawner in user.spawners.values() if spawner.ready]
    return {hub.hub.routespec, *services, *(spawner.proxy_spec for spawner in spawners)}


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


def schedule_background(host: Host) -> None:
    """Start the background work in the hub's loop; nothing in the hub's commands that have no loop (``upgrade-db``).

    The hub cancels and awaits all tasks of its loop when it ends.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    _tasks.add(loop.create_task(run_background(host), name="heliostat background"))
