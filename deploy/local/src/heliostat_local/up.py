"""`up`: start everything in this process and keep it running."""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import httpx
from heliostat_runtime.host import probe_host
from heliostat_runtime.limits import Enforcement

from .base_environment import BaseEnvironment
from .component import Component
from .components import build_components
from .config import LocalConfig
from .engine import EngineReady, clear_engine, prepare_engine
from .errors import PortTakenError
from .hub_api import read_enforcement
from .instance import hold_instance
from .layout import StateLayout, read_json
from .ledger import ProcessLedger
from .monitoring import write_monitoring
from .polling import poll_until
from .ports import ensure_ports, is_free
from .postgres import PostgresCluster
from .process_environment import HUB_METRICS, ProcessEnvironments, build_tool_environment
from .secret_files import ADMIN_NAME, USER_NAME, SecretFiles, write_credentials
from .supervisor import Supervisor

__all__ = ["Preparation", "prepare_components", "up"]

PORT_DEADLINE = timedelta(seconds=5)
SIGN_IN = "HELIOSTAT_HUB_SIGN_IN"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Preparation(NamedTuple):
    """What components are made from."""

    config: LocalConfig
    layout: StateLayout
    secret_files: SecretFiles
    client: httpx.AsyncClient
    inherited: Mapping[str, str]
    engine: EngineReady | None = None


def prepare_components(given: Preparation) -> list[Component]:
    """Choose the ports and wire all components together."""
    postgres = PostgresCluster(given.layout, given.secret_files)
    ports = ensure_ports(given.layout.ports, reserved=[given.config.port])
    given.secret_files.ensure(HUB_METRICS)
    write_monitoring(given.layout, ports=ports, hub_token=given.secret_files.path(HUB_METRICS))
    environments = ProcessEnvironments(
        config=given.config,
        layout=given.layout,
        secret_files=given.secret_files,
        ports=ports,
        postgres=postgres,
        inherited=given.inherited,
        engine=given.engine,
    )
    return build_components(
        config=given.config,
        layout=given.layout,
        postgres=postgres,
        environments=environments,
        base=BaseEnvironment(
            given.layout.base,
            environment=build_tool_environment(given.inherited),
            collaboration=given.config.collaboration,
        ),
        secret_files=given.secret_files,
        client=given.client,
    )


async def up(
    config: LocalConfig,
    *,
    inherited: Mapping[str, str],
    say: Callable[[str], None],
    prepare: Callable[[Preparation], Sequence[Component]] = prepare_components,
) -> None:
    """Start everything and keep it running until a signal asks to stop.

    Raises
    ------
    LocalError
        It runs already, the port is taken, or a component could not be started.
    """
    stop = stop_on_signals()
    layout = StateLayout(config)
    layout.create()
    with hold_instance(layout):
        ledger = ProcessLedger(layout.processes)
        if leftovers := await ledger.end_leftovers():
            say(f"ended what a killed supervisor left: {', '.join(leftovers)}")
        if not await poll_until(lambda: is_free(str(config.host), config.port), deadline=PORT_DEADLINE):
            raise PortTakenError(host=str(config.host), port=config.port)
        sign_in = inherited.get(SIGN_IN, "local")
        write_credentials(layout, config, SecretFiles(layout.secrets), passwords=sign_in == "local")
        say(f"starting with the state directory {layout.root}")
        secret_files = SecretFiles(layout.secrets)
        try:
            engine = await _prepare_engine(config, layout, inherited=inherited, say=say)
            async with httpx.AsyncClient(trust_env=False) as client:
                components = prepare(Preparation(config, layout, secret_files, client, inherited, engine))
                supervisor = Supervisor(components, layout=layout, ledger=ledger, url=config.url, say=say)

                async def announce() -> None:
                    say(describe_access(config, layout, sign_in=sign_in))
                    try:
                        limits = await _find_limits(layout, secret_files, client=client, engine=engine)
                    except httpx.HTTPError as e:
                        say(f"What is enforced for servers could not be asked now: {e}")
                    else:
                        say(describe_limits(limits))

                await supervisor.run(stop, on_ready=announce)
        finally:
            layout.remove_socket_directory()
            await clear_engine(config, layout, say=say)
    say("stopped")


async def _prepare_engine(
    config: LocalConfig, layout: StateLayout, *, inherited: Mapping[str, str], say: Callable[[str], None]
) -> EngineReady | None:
    if config.runtime == "process":
        return None
    return await prepare_engine(
        config,
        layout,
        hub_port=ensure_ports(layout.ports, reserved=[config.port])["hub"],
        inherited=inherited,
        environment=build_tool_environment(inherited),
        say=say,
    )


async def _find_limits(
    layout: StateLayout, secret_files: SecretFiles, *, client: httpx.AsyncClient, engine: EngineReady | None
) -> Sequence[Enforcement]:
    """Ask who starts the servers: this host's processes, or the hub that has the engine."""
    if engine is None:
        return (await probe_host(layout.root)).as_list()
    hub_port = read_json(layout.ports)["hub"]
    return await read_enforcement(
        client,
        hub_api_url=f"http://{engine.gateway}:{hub_port}/hub/api",
        token=secret_files.ensure("admin_api_token"),
    )


def stop_on_signals() -> asyncio.Event:
    """Return an event that Ctrl-C, `make down` or a closed terminal set."""
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def describe_access(config: LocalConfig, layout: StateLayout, *, sign_in: str) -> str:
    """Say where it is and how to sign in; ``sign_in`` is the setting of the hub."""
    lines = ["", f"Heliostat is ready:  {config.url}"]
    if sign_in == "local":
        lines += [
            f"  sign in as         {USER_NAME}    (or {ADMIN_NAME}, who may do everything)",
            f"  passwords are in   {layout.credentials}    (with an API token for scripts)",
        ]
    else:
        lines += [
            f"  sign in with       your account ({SIGN_IN}={sign_in})",
            f"  an API token is in {layout.credentials}    (of {ADMIN_NAME}, who may do everything and cannot sign in)",
        ]
    lines.append(f"  Prometheus reads   {layout.prometheus_config}")
    if not config.host.is_loopback:
        lines.append(
            f"  WARNING: listening on {config.host}, so others can connect, and without TLS they can read passwords"
        )
    return "\n".join(lines)


def describe_limits(enforcements: Sequence[Enforcement]) -> str:
    """Say what this host cannot isolate or limit."""
    missing = [f"  {e.resource} is not enforced: {e.reason}" for e in enforcements if not e.enforced]
    if not missing:
        return "This host isolates servers and enforces all limits (CPU, memory, processes, storage)."
    return "\n".join(["What this host cannot do for users' servers:", *missing])
