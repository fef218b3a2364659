"""Clients of the services, for one another and for the hub plugin."""

from .builder import BuilderClient
from .connections import create_hub_http_client, create_peer_http_client, load_tls_context
from .peer import PeerClient, PeerRefusedError, PeerUnavailableError
from .policy import PolicyClient

__all__ = [
    "BuilderClient",
    "PeerClient",
    "PeerRefusedError",
    "PeerUnavailableError",
    "PolicyClient",
    "create_hub_http_client",
    "create_peer_http_client",
    "load_tls_context",
]
