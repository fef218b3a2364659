"""Ports for servers."""

import secrets
import socket

RANGE = range(10_000, 20_000)
"""Below the ports the kernel hands out for outgoing connections: one of those may be taken between choice and use."""


def find_free_port() -> int:
    """Choose a loopback port that nobody listens on; a server takes seconds until it does."""
    while True:
        port = secrets.choice(RANGE)
        if _can_bind(port):
            return port


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
