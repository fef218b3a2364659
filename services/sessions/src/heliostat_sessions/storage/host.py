"""Volumes and run records of this host, through the process runtime."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from heliostat_core.contracts.model import Enforcement
from heliostat_core.errors import UnavailableError
from heliostat_core.units import format_size
from heliostat_runtime.errors import RuntimeHostError, VolumeMissingError
from heliostat_runtime.host import probe_host
from heliostat_runtime.servers import Servers
from heliostat_runtime.volume import Volume
from heliostat_runtime.volumes import VolumeStore


class HostError(UnavailableError):
    """The host could not do it now; the message is the runtime's."""

    code = "host_unavailable"


@dataclass(frozen=True, slots=True)
class Host:
    """Storage on this host, and what it enforces."""

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

    async def list_volumes(self) -> tuple[Volume, ...]:
        """List all volumes there are."""
        try:
            return await self.volumes.list_()
        except (RuntimeHostError, OSError) as error:
            raise HostError(f"Volumes cannot be listed: {error}") from error

    async def find_volume(self, user: str, name: str) -> Volume | None:
        """Find the volume of a server."""
        try:
            return await self.volumes.find(user, name)
        except (RuntimeHostError, OSError) as error:
            raise HostError(f"The volume of a server cannot be read: {error}") from error

    async def delete_volume(self, volume_id: str) -> None:
        """Delete a volume; one that is not there is deleted."""
        try:
            await self.volumes.delete(volume_id)
        except VolumeMissingError:
            return
        except (RuntimeHostError, OSError) as error:
            raise HostError(f"Volume {volume_id} cannot be deleted: {error}") from error

    async def measure(self, volume_id: str) -> tuple[int, int] | None:
        """Measure used and allowed bytes; None when the volume is gone."""
        try:
            measurement = await self.volumes.measure(volume_id)
        except VolumeMissingError:
            return None
        except (RuntimeHostError, OSError) as error:
            raise HostError(f"Volume {volume_id} cannot be measured: {error}") from error
        return measurement.used, measurement.limit

    async def read_enforcement(self, volume_id: str) -> list[Enforcement]:
        """Say what is enforced for the server that runs on a volume; empty where nothing is recorded."""
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
