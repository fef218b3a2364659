"""The network of servers: a bridge of their own, on which they do not see one another."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from .engine import Engine
from .errors import EngineError, EngineRefusedError

__all__ = ["Network", "NetworkMissingError", "Networks", "build_bridge_name"]

_NOT_FOUND = 404
_CONFLICT = 409
_BRIDGE = "com.docker.network.bridge.name"
_ICC = "com.docker.network.bridge.enable_icc"
_IPV6 = "EnableIPv6"


class NetworkMissingError(EngineError):
    """The engine has no network of this name, or it is not a bridge."""

    code = "network_missing"

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"The engine has no bridge network {name}", remedy="Start the instance again: it makes its network."
        )


@dataclass(frozen=True, slots=True)
class Network:
    """A bridge network.

    Attributes
    ----------
    bridge
        The host's interface.
    gateway
        The host's address on it.
    separates
        Whether containers on it cannot reach one another.
    ipv6
        Whether containers have IPv6 addresses, too.
    """

    name: str
    bridge: str
    gateway: IPv4Address
    separates: bool
    ipv6: bool


class Networks:
    """Networks of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def ensure(self, name: str, *, instance: str) -> Network:
        """Make the network of an instance's servers, unless it is there; IPv4 only, and no container sees another.

        Raises
        ------
        EngineError
        """
        config = {
            "Name": name,
            "CheckDuplicate": True,
            "Driver": "bridge",
            "Options": {_BRIDGE: build_bridge_name(instance), _ICC: "false"},
            "Labels": {"heliostat.instance": instance},
        }
        try:
            async with self._engine.call(f"make the network {name}") as docker:
                await docker.networks.create(config)
        except EngineRefusedError as e:
            if e.status != _CONFLICT:
                raise
        return await self.read(name)

    async def read(self, name: str) -> Network:
        """Return a network.

        Raises
        ------
        NetworkMissingError, EngineError
        """
        async with self._engine.call(f"describe the network {name}", missing=NetworkMissingError(name=name)) as docker:
            found = await (await docker.networks.get(name)).show()
        return _read(name, found)

    async def remove(self, name: str) -> None:
        """Remove a network that no container is on; absent is success.

        Raises
        ------
        EngineError
        """
        try:
            async with self._engine.call(f"remove the network {name}") as docker:
                await (await docker.networks.get(name)).delete()
        except EngineRefusedError as e:
            if e.status != _NOT_FOUND:
                raise


def build_bridge_name(instance: str) -> str:
    """Name the host's interface; the kernel allows 15 characters."""
    return f"hst-{instance[:11]}"


def _read(name: str, found: dict[str, Any]) -> Network:
    options = found.get("Options") or {}
    gateways = [config["Gateway"] for config in found["IPAM"]["Config"] if "." in config.get("Gateway", "")]
    if found["Driver"] != "bridge" or not gateways:
        raise NetworkMissingError(name=name)
    return Network(
        name=name,
        bridge=options.get(_BRIDGE) or f"br-{found['Id'][:12]}",
        gateway=IPv4Address(gateways[0].partition("/")[0]),
        separates=options.get(_ICC) == "false",
        ipv6=bool(found.get(_IPV6)),
    )
