"""Clients of the services, for one another and for the hub plugin."""

from .builder import BuilderClient
from .peer import PeerClient, PeerRefusedError, PeerUnavailableError, create_peer_http_client
from .policy import PolicyClient

__all__ = [
    "BuilderClient",
    "PeerClient",
    "PeerRefusedError",
    "PeerUnavailableError",
    "PolicyClient",
    "create_peer_http_client",
]
