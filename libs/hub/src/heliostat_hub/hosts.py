"""The host of the runtime that the settings name."""

from .config import HubConfig
from .docker_host import DockerHost
from .host import Host
from .process_host import ProcessHost


def open_host(config: HubConfig) -> Host:
    """Try what the host can do and build everything, before the hub serves anybody."""
    match config.runtime:
        case "docker":
            return DockerHost.open(config)
        case "process":
            return ProcessHost.open(config)
