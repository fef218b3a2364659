"""The servers' host: their volumes and what is enforced for them; and the way to it in the process runtime."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from heliostat_core.contracts.model import Enforcement
from heliostat_core.errors import UnavailableError
from heliostat_core.units import format_size
from heliostat_runtime.errors import RuntimeHostError, VolumeMissingError
from heliostat_runtime.host import probe_host
from heliostat_runtime.servers import Servers
from heliostat_runtime.volume import Volume
from heliostat_runtime.volumes import VolumeStore
from typing_extensions import override


class HostError(UnavailableError):
    """The host could not do it now; the message is the runtime's."""

    code = "host_unavailable"


class Host(Protocol):
    """What this service asks of the host, wherever that is.

    Every method but `read_enforcement` raises HostError when the host cannot do it now.
    """

    async def list_unenforced(self) -> tuple[str, ...]:
        """List the resources the host does not enforce for new servers."""

    async def list_volumes(self) -> tuple[Volume, ...]:
        """List all volumes there are."""

    async def find_volume(self, user: str, name: str) -> Volume | None:
        """Find the volume of a server."""

    async def delete_volume(self, volume_id: str) -> None:
        """Delete a volume; one that is not there is deleted."""

    async def measure(self, volume_id: str) -> tuple[int, int] | None:
        """Measure used and allowed bytes; None when the volume is gone."""

    async def read_enforcement(self, volume_id: str) -> list[Enforcement]:
        """Say what is enforced for the server that runs on a volume; empty where nothing is known."""


@dataclass(frozen=True, slots=True)
class LocalHost(Host):
    """The host of this process: volumes and run records are files here."""

    volumes: VolumeStore
    servers: Servers
    unenforced: tuple[str, ...]

    @classmethod
    async def open(cls, state: Path) -> Self:
        """Find out what this host can do."""
        capabilities = await probe_host(state)
        volumes = VolumeStore(state, capabilities)
        unenforced = tuple(item.resource for item in capabilities.as_list() if not item.enforced)
        return cls(volumes=volumes, servers=Servers(state, capabilities, volumes), unenforced=unenforced)

    @override
    async def list_unenforced(self) -> tuple[str, ...]:
        return self.unenforced

    @override
    async def list_volumes(self) -> tuple[Volume, ...]:
        try:
            return await self.volumes.list_()
        except (RuntimeHostError, OSError) as error:
            raise HostError(f"Volumes cannot be listed: {error}") from error

    @override
    async def find_volume(self, user: str, name: str) -> Volume | None:
        try:
            return await self.volumes.find(user, name)
        except (RuntimeHostError, OSError) as error:
            raise HostError(f"The volume of a server cannot be read: {error}") from error

    @override
    async def delete_volume(self, volume_id: str) -> None:
        try:
            await self.volumes.delete(volume_id)
        except VolumeMissingError:
            return
        except (RuntimeHostError, OSError) as error:
            raise HostError(f"Volume {volume_id} cannot be deleted: {error}") from error

    @override
    async def measure(self, volume_id: str) -> tuple[int, int] | None:
        try:
            measurement = await self.volumes.measure(volume_id)
        except VolumeMissingError:
            return None
        except (RuntimeHostError, OSError) as error:
            raise HostError(f"Volume {volume_id} cannot be measured: {error}") from error
        return measurement.used, measurement.limit

    @override
    async def read_enforcement(self, volume_id: str) -> list[Enforcement]:
        try:
            server = await self.servers.adopt(volume_id)
            volume = await self.volumes.read(volume_id)
        except (RuntimeHostError, OSError):
            return []
        if server is None:
            return []
        limits = {
            "cpu": f"{server.limits.cpu:g}" if server.limits.cpu else None,
            "memory": format_size(server.limits.memory) if server.limits.memory else None,
            "pids": str(server.limits.pids) if server.limits.pids else None,
            "storage": format_size(volume.size),
        }
        return [
            Enforcement(
                resource=item.resource,
                limit=limits.get(item.resource),
                enforced=item.enforced,
                method=item.method,
                reason=item.reason,
            )
            for item in server.enforcement
        ]
