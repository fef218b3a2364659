"""The docker runtime's share of an instance: what the engine must have before it starts, and what is left after it."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import IPv4Address
from typing import NamedTuple

from heliostat_containers import Engine, EngineError
from heliostat_containers.firewall import ensure_rules, remove_rules
from heliostat_containers.networks import Networks, build_bridge_name
from heliostat_containers.server_containers import ServerContainers
from heliostat_runtime import HostCommandError

from .config import CHECKOUT, LocalConfig
from .errors import LocalError
from .layout import StateLayout, read_json, write_private
from .steps import run_step

__all__ = ["EngineReady", "clear_engine", "prepare_engine"]

BUILD_LAB = CHECKOUT / "deploy" / "images" / "build"
DEADLINE = timedelta(minutes=20)
DEFAULT_IMAGE = "HELIOSTAT_HUB_DEFAULT_IMAGE"
LAB = "heliostat/lab:dev"
ENGINE_URL = "HELIOSTAT_HUB_ENGINE_URL"


class EngineReady(NamedTuple):
    """What the components need to know: the servers' network, the host's address on it, the image of plain servers."""

    network: str
    gateway: IPv4Address
    image: str


async def prepare_engine(
    config: LocalConfig,
    layout: StateLayout,
    *,
    hub_port: int,
    inherited: Mapping[str, str],
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> EngineReady:
    """Check the engine and make the lab image, the servers' network and, as root, its rules.

    Parameters
    ----------
    environment
        For the tool that builds the image.

    Raises
    ------
    LocalError
        The engine does not answer, or the image cannot be made, or is to have what it has not.
    """
    url = inherited.get(ENGINE_URL)
    if config.collaboration and DEFAULT_IMAGE not in inherited:
        raise LocalError(
            f"The lab image has no real-time collaboration: name an image that has it in {DEFAULT_IMAGE}, or leave "
            "HELIOSTAT_COLLABORATION out."
        )
    try:
        async with Engine.open(url) as engine:
            await engine.ping()
            image = inherited.get(DEFAULT_IMAGE) or await _make_lab(environment, say=say)
            network = f"heliostat-{config.instance}"
            write_private(layout.engine, json.dumps({"url": url, "network": network}))
            found = await Networks(engine).ensure(network, instance=config.instance)
    except EngineError as e:
        raise LocalError(f"HELIOSTAT_RUNTIME=docker needs a container engine. {e.message} {e.remedy}") from e
    if os.geteuid() == 0:
        try:
            await ensure_rules(found.bridge, hub_port=hub_port)
        except HostCommandError as e:
            say(f"servers' network: no rules could be made: {e.message}")
    return EngineReady(network=network, gateway=found.gateway, image=image)


async def clear_engine(config: LocalConfig, layout: StateLayout, *, say: Callable[[str], None]) -> None:
    """Stop and remove the containers of servers, which outlive their hub, and their network; storage stays."""
    recorded = read_json(layout.engine)
    if recorded is None:
        return
    try:
        async with Engine.open(recorded["url"]) as engine:
            servers = ServerContainers(engine, instance=config.instance)
            await asyncio.gather(*(_end(servers, volume_id) for volume_id in sorted(await servers.list_())))
            await servers.remove_helpers()
            await servers.remove_platforms()
            await Networks(engine).remove(recorded["network"])
    except EngineError as e:
        say(f"containers and the network of servers may be left: {e.message}")
        return
    if os.geteuid() == 0:
        await remove_rules(build_bridge_name(config.instance))
    layout.engine.unlink(missing_ok=True)


async def _end(servers: ServerContainers, volume_id: str) -> None:
    await servers.stop(volume_id)
    await servers.remove(volume_id)


async def _make_lab(environment: Mapping[str, str], *, say: Callable[[str], None]) -> str:
    say("looking for the lab image, and making it where it is missing or old (some minutes)")
    await run_step(
        "Making the lab image (deploy/images/build lab; BASE_IMAGE names what it is built from)",
        [str(BUILD_LAB), "lab"],
        environment=environment,
        directory=CHECKOUT,
        deadline=DEADLINE,
    )
    return LAB
