"""Which addresses repositories may be fetched from, and holding git to the address that was checked."""

import asyncio
import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import AddressRefusedError, RepositoryNotFoundError, UpstreamTimeoutError

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_RESOLVE_TIME = 10
_TRANSLATED = IPv6Network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}


class PinnedHost(NamedTuple):
    """A host with the addresses that were checked; nothing else of that name may be connected to."""

    host: str
    port: int
    addresses: tuple[Address, ...]

    @property
    def curl_resolve(self) -> str:
        """The value of git's ``http.curloptResolve``, so that a second answer of DNS cannot lead elsewhere."""
        written = ",".join(f"[{a}]" if a.version == 6 else str(a) for a in self.addresses)  # noqa: PLR2004 IPv6
        return f"{self.host}:{self.port}:{written}"


class AddressGuard:
    """Refuses what is not on the public internet, except the networks the operator allows."""

    def __init__(self, *, allowed: Sequence[Network]) -> None:
        self._allowed = allowed

    async def pin(self, url: str) -> PinnedHost:
        """Resolve the host of an address and check every one of its addresses.

        Raises
        ------
        AddressRefusedError
            One of them is private, link-local, loopback, or otherwise not public.
        RepositoryNotFoundError
            The host does not exist.
        UpstreamTimeoutError
            DNS does not answer.
        """
        parts = urlsplit(url.partition("+")[2] if "+" in url.partition(":")[0] else url)
        try:
            host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)
        except ValueError as error:
            raise RepositoryNotFoundError(url=url) from error
        if not host or "\\" in url:  # programs differ in where the host then ends
            raise RepositoryNotFoundError(url=url)
        return PinnedHost(host=host, port=port, addresses=await self.resolve(host, port, written=url))

    async def resolve(self, host: str, port: int, *, written: str | None = None) -> tuple[Address, ...]:
        """Resolve a name, checking every one of its addresses; ``written`` is how errors call it.

        Raises
        ------
        AddressRefusedError, RepositoryNotFoundError, UpstreamTimeoutError
            As for `pin`.
        """
        addresses = await self._look_up(host, port, written or host)
        if not all(self.allows(address) for address in addresses):
            raise AddressRefusedError(host=host)
        return addresses

    async def check_all(self, urls: Iterable[str]) -> None:
        """Check several addresses, raising as `pin` does."""
        for url in dict.fromkeys(urls):
            await self.pin(url)

    def allows(self, address: Address) -> bool:
        """Whether an address may be connected to."""
        inner = _unwrap(address)
        if any(inner.version == network.version and inner in network for network in self._allowed):
            return True
        return inner.is_global and not inner.is_multicast and not inner.is_reserved

    async def _look_up(self, host: str, port: int, written: str) -> tuple[Address, ...]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_RESOLVE_TIME):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise UpstreamTimeoutError(host=host, seconds=_RESOLVE_TIME) from error
        except (OSError, UnicodeError) as error:
            raise RepositoryNotFoundError(url=written) from error
        return tuple(dict.fromkeys(ip_address(str(item[4][0]).partition("%")[0]) for item in found))


def _unwrap(address: Address) -> Address:
    """Return the IPv4 address an IPv6 one stands for, where it does: the connection goes there."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
