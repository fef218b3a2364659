"""The containers of an instance's servers, found by their labels: one for each volume, named after it."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

from .container import Container, ContainerSpec, Mount
from .containers import Containers
from .engine import Engine
from .errors import ContainerMissingError, EngineRefusedError, EngineTimeoutError

__all__ = ["ServerContainers", "build_container_name"]

INSTANCE = "heliostat.instance"
VOLUME = "heliostat.volume"
HELPER = "heliostat.helper"
PLATFORM = "heliostat.platform"
_GRACE = timedelta(seconds=8)  # JupyterLab ends within two
_REMOVAL = timedelta(seconds=30)
_POLL = timedelta(milliseconds=50)
_LOG_LINES = 20
_NOT_FOUND = 404
_CONFLICT = 409  # a container has it
_SHORT = "true"
_HELPER_AGE = timedelta(minutes=10)  # they run for seconds


def build_container_name(volume_id: str) -> str:
    """Name a server's container after its volume, whose id is random."""
    return f"heliostat-{volume_id}"


class ServerContainers:
    """Finds, looks at and removes; who creates them is the hub's spawner."""

    def __init__(self, engine: Engine, *, instance: str) -> None:
        self._engine = engine
        self._containers = Containers(engine)
        self._instance = instance

    @property
    def helper_labels(self) -> dict[str, str]:
        """Labels of short containers that are no servers."""
        return {INSTANCE: self._instance, HELPER: _SHORT}

    @property
    def lasting_helper_labels(self) -> dict[str, str]:
        """Labels of containers that are no servers, and run as long as their hub."""
        return {INSTANCE: self._instance, HELPER: "lasting"}

    def build_labels(self, volume_id: str) -> dict[str, str]:
        """Build the labels of a server's container: no name of a user or a repository."""
        return {INSTANCE: self._instance, VOLUME: volume_id}

    async def list_(self) -> set[str]:
        """List the volumes on which a container is, running or not."""
        containers = await self._containers.list_({INSTANCE: self._instance, VOLUME: ""})
        return {container.labels[VOLUME] for container in containers}

    async def find(self, volume_id: str) -> Container | None:
        """Return a server's container."""
        return await self._containers.find(build_container_name(volume_id))

    async def stop(self, volume_id: str) -> None:
        """Ask a server to end, and kill what is left of it after some seconds; absent or ended is success.

        Raises
        ------
        EngineError
        """
        name = build_container_name(volume_id)
        missing = ContainerMissingError(name=name)
        with suppress(ContainerMissingError):
            async with self._engine.call(f"stop the container {name}", missing=missing) as docker:
                await docker.containers.container(name).stop(t=int(_GRACE.total_seconds()))

    async def remove(self, volume_id: str) -> None:
        """Kill and remove a server's container and wait until it is gone; absent is success.

        Raises
        ------
        EngineTimeoutError, EngineError
        """
        name = build_container_name(volume_id)
        await self._containers.remove(name)
        until = asyncio.get_running_loop().time() + _REMOVAL.total_seconds()
        while await self._containers.find(name) is not None:  # another removal may be under way
            if asyncio.get_running_loop().time() >= until:
                raise EngineTimeoutError(action=f"remove the container {name}", deadline=_REMOVAL)
            await asyncio.sleep(_POLL.total_seconds())

    async def read_limits(self, volume_id: str) -> Mapping[str, Any] | None:
        """Return the limits of a server that runs, as the engine has them (``HostConfig``); None when none runs."""
        name = build_container_name(volume_id)
        container = await self._containers.find(name)
        if container is None or not container.is_running:
            return None
        return await self._containers.read_host_config(name)

    async def read_log_end(self, volume_id: str) -> str:
        """Return the last lines a server printed."""
        name = build_container_name(volume_id)
        async with self._engine.call(f"read the log of the container {name}") as docker:
            lines = await docker.containers.container(name).log(stdout=True, stderr=True, tail=_LOG_LINES)
        return "".join(lines).strip()

    async def remove_helpers(self) -> None:
        """Remove all containers that are no servers; nobody may need them.

        Raises
        ------
        EngineError
        """
        for container in await self._list_helpers():
            await self._containers.remove(container.id)

    async def remove_old_helpers(self) -> None:
        """Remove short containers that outlived whoever started them.

        Raises
        ------
        EngineError
        """
        oldest = datetime.now(UTC) - _HELPER_AGE
        for container in await self._list_helpers(_SHORT):
            if container.created_at is not None and container.created_at < oldest:
                await self._containers.remove(container.id)

    async def _list_helpers(self, kind: str = "") -> list[Container]:
        found = await self._containers.list_({INSTANCE: self._instance, HELPER: kind})
        # A server's image may carry any other label.
        return [container for container in found if VOLUME not in container.labels]

    async def fill_platform(self, *, image: str, path: str) -> str:
        """Make a volume of what an image has at a path, and return its name; older ones that nobody uses go.

        One that is in use was filled before, and is kept as it is; any other is made anew, since a crash may have left
        it half-filled. Call it before the first server starts.

        Raises
        ------
        EngineError
        """
        name = f"heliostat-platform-{self._instance}-{image.removeprefix('sha256:')[:12]}"
        labels = {INSTANCE: self._instance, PLATFORM: "true"}
        await self.remove_platforms()
        async with self._engine.call(f"make the volume {name}") as docker:
            await docker.volumes.create({"Name": name, "Driver": "local", "Labels": labels})
        spec = ContainerSpec(
            name=f"{name}-{token_hex(4)}",
            image=image,
            labels=self.helper_labels,
            mounts=(Mount(source=name, target=path, kind="volume"),),
        )
        container = await self._containers.create(spec)  # which fills the volume
        await self._containers.remove(container.id)
        return name

    async def remove_platforms(self) -> None:
        """Remove the volumes of `fill_platform` that nobody uses.

        Raises
        ------
        EngineError
        """
        labels = [f"{INSTANCE}={self._instance}", PLATFORM]
        async with self._engine.call("list its volumes") as docker:
            found = (await docker.volumes.list(filters={"label": labels}))["Volumes"] or []
        for volume in found:
            try:
                async with self._engine.call(f"remove the volume {volume['Name']}") as docker:
                    await (await docker.volumes.get(volume["Name"])).delete()
            except EngineRefusedError as e:
                if e.status not in {_NOT_FOUND, _CONFLICT}:
                    raise
