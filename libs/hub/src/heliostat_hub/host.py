"""What spawners, hooks and the background work of one hub share, whatever servers run in."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from heliostat_core.clients import PolicyClient, create_peer_http_client
from heliostat_core.grants import Grant
from heliostat_runtime import Enforcement, VolumeId, VolumeStore

from .admission import AdmissionDesk
from .config import HubConfig
from .deletion import Deletions
from .gate import AdmissionGate
from .granted import VolumeGrants


class Host(ABC):
    """The parts of the plugin that know no runtime, put together once per hub.

    Parameters
    ----------
    volumes
        The servers' storage.
    enforcement
        What is enforced for new servers.
    """

    def __init__(self, config: HubConfig, *, volumes: VolumeStore, enforcement: Sequence[Enforcement]) -> None:
        self.config = config
        self.volumes = volumes
        self.enforcement = tuple(enforcement)
        self.deletions = Deletions(directory=config.state_directory / "hub" / "deletions", volumes=volumes)
        self.grants = VolumeGrants(
            key=config.grant_key, volumes=volumes, deletions=self.deletions, is_present=self.is_present
        )
        client = create_peer_http_client(base_url=str(config.policy_url), token=config.policy_token)
        unenforced = tuple(found.resource for found in self.enforcement if not found.enforced)
        self.desk = AdmissionDesk(policy=PolicyClient(service="policy", client=client), unenforced=unenforced)
        self.gate = AdmissionGate(desk=self.desk, grants=self.grants, deletions=self.deletions)

    @property
    @abstractmethod
    def has_collaboration(self) -> bool:
        """Whether the JupyterLab of servers has real-time collaboration."""

    @abstractmethod
    async def is_present(self, grant: Grant, *, populated: bool) -> bool:
        """Whether what a grant names is on this host; ``populated``: the files of the commit are in its volume."""

    @abstractmethod
    async def reconcile(self, read_claimed: Callable[[], set[VolumeId]]) -> None:
        """End servers on volumes that nobody claims, and clear up after what was interrupted."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of what is open; servers go on."""
