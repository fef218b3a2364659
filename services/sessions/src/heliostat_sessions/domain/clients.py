"""Where a request came from, as far as that can be believed."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

_SUBSCRIBER = 64  # bits of an IPv6 address; the rest is the client's own choice, so it cannot be counted by


def find_client_ip(peer: str, forwarded: str | None, *, trusted: Sequence[Network]) -> str:
    """Find the address of a client behind proxies: the last one that no trusted proxy has.

    Parameters
    ----------
    peer
        Who opened the connection.
    forwarded
        ``X-Forwarded-For``, to which each proxy appends who spoke to it; anything may stand at its beginning.
    """
    client = peer
    for hop in reversed((forwarded or "").split(",")):
        if not _is_trusted(client, trusted):
            break
        try:
            client = str(ip_address(hop.strip()))
        except ValueError:
            break
    return client


def build_rate_key(client_ip: str) -> str:
    """Build what an address is counted under: itself, or the IPv6 network of one subscriber."""
    try:
        address = ip_address(client_ip)
    except ValueError:
        return f"ip:{client_ip}"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return f"ip:{ip_network((address, _SUBSCRIBER), strict=False)}"
        address = address.ipv4_mapped
    return f"ip:{address}"


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    # A proxy that listens on IPv6 writes the IPv4 addresses it hears from as IPv6 ones.
    plain = (parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None) or parsed
    return any(plain.version == network.version and plain in network for network in trusted)
