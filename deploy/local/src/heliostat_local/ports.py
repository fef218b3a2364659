"""Loopback ports of the inner services: chosen once, kept while they are free."""

import json
import secrets
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from .layout import read_json, write_private

__all__ = ["INNER_SERVICES", "ensure_ports", "is_free"]

INNER_SERVICES = ("proxy_api", "hub", "builder", "sessions", "policy")
RANGE = range(20000, 32000)  # below the ports that kernels hand out for outgoing connections
LOOPBACK = "127.0.0.1"


def ensure_ports(path: Path, *, reserved: Iterable[int] = ()) -> dict[str, int]:
    """Return a port for each inner service, keeping the recorded ones that nobody else took meanwhile."""
    ports = choose_ports(read_json(path) or {}, reserved=reserved)
    write_private(path, json.dumps(ports))
    return ports


def choose_ports(recorded: Mapping[str, int], *, reserved: Iterable[int]) -> dict[str, int]:
    """Choose distinct free ports, none of them a reserved one."""
    taken = set(reserved)
    chosen: dict[str, int] = {}
    for name in INNER_SERVICES:
        port = recorded.get(name)
        if port is None or port in taken or not is_free(LOOPBACK, port):
            port = _find_free(taken)
        taken.add(port)
        chosen[name] = port
    return chosen


def _find_free(taken: set[int]) -> int:
    while True:
        port = secrets.choice(RANGE)
        if port not in taken and is_free(LOOPBACK, port):
            return port


def is_free(host: str, port: int) -> bool:
    """Whether a program could listen on this port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
