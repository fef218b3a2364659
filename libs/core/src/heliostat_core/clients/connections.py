"""Pools of connections to the hub and to other services. None uses a proxy of the environment."""

import ssl
from functools import cache

import httpx
from pydantic import SecretStr

_TIMEOUT = httpx.Timeout(10, connect=3)
# Idle connections are let go before the peer, which waits five seconds, closes them under a request.
_PEER_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=3)


@cache
def load_tls_context() -> ssl.SSLContext:
    """Load the authorities that are trusted, once for all pools of a process: it takes as long as hundreds of requests.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured as httpx does.
    """
    return httpx.create_ssl_context()


def create_hub_http_client(*, base_url: str) -> httpx.AsyncClient:
    """Create the pool in which the hub is asked about its tokens."""
    return httpx.AsyncClient(base_url=base_url, timeout=_TIMEOUT, verify=load_tls_context(), trust_env=False)


def create_peer_http_client(*, base_url: str, token: SecretStr) -> httpx.AsyncClient:
    """Create the pool for one peer; ``base_url`` ends with its base path, such as ``/services/policy/``."""
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"}
    return httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        timeout=_TIMEOUT,
        limits=_PEER_LIMITS,
        verify=load_tls_context(),
        trust_env=False,
    )
