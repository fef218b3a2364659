"""Everything that `make up` runs, in the order in which it depends on one another."""

import shutil
import sys
from datetime import timedelta

import httpx
from heliostat_core.migrations import HEAD

from .base_environment import BaseEnvironment
from .component import Component
from .config import CHECKOUT, LocalConfig
from .errors import LocalError
from .hub_api import HttpProbe
from .layout import StateLayout
from .postgres import PostgresCluster
from .process_environment import ProcessEnvironments
from .secret_files import SecretFiles
from .steps import run_step

__all__ = ["build_components"]

PROXY = CHECKOUT / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
PROXY_EXTENSION = CHECKOUT / "deploy" / "proxy" / "lost-servers.cjs"
HUB_CONFIG = CHECKOUT / "deploy" / "jupyterhub" / "jupyterhub_config.py"
MIGRATE_DEADLINE = timedelta(minutes=5)
HUB_START_DEADLINE = timedelta(minutes=2)
HUB_STOP_DEADLINE = timedelta(seconds=40)  # it stops the users' servers first


def build_components(
    *,
    config: LocalConfig,
    layout: StateLayout,
    postgres: PostgresCluster,
    environments: ProcessEnvironments,
    base: BaseEnvironment,
    secret_files: SecretFiles,
    client: httpx.AsyncClient,
) -> list[Component]:
    """Describe Postgres, the proxy, the three services and JupyterHub to the supervisor."""

    async def migrate() -> None:
        if await postgres.read_schema_version() == HEAD:
            return  # importing Alembic would hold back every start by more than a second
        await run_step(
            "Bringing the database to the newest schema",
            [sys.executable, "-m", "heliostat_core.migrate"],
            environment=environments.build_migrate(),
            directory=layout.root,
            deadline=MIGRATE_DEADLINE,
        )

    def service(name: str, environment: dict[str, str]) -> Component:
        return Component(
            name=name,
            command=[sys.executable, "-m", f"heliostat_{name}"],
            environment=environment,
            directory=layout.root,
            after=("postgres",),
            is_ready=HttpProbe(client, f"{environments.url(name)}/readyz"),
        )

    async def prepare_hub() -> None:
        if config.runtime == "process":  # containers bring their own
            await base.ensure()

    hub = Component(
        name="hub",
        command=[sys.executable, "-m", "jupyterhub", "--config", str(HUB_CONFIG)],
        environment=environments.build_hub(base_environment=base.path),
        directory=layout.hub,
        after=("proxy",),
        prepare=prepare_hub,
        is_ready=HttpProbe(client, f"{environments.hub_api_url}/"),
        start_deadline=HUB_START_DEADLINE,
        stop_deadline=HUB_STOP_DEADLINE,
    )
    return [
        postgres.build_component(complete=migrate),
        build_proxy(config, environments, secret_files, client),
        service("policy", environments.build_policy()),
        service("builder", environments.build_builder()),
        service("sessions", environments.build_sessions()),
        hub,
    ]


def build_proxy(
    config: LocalConfig, environments: ProcessEnvironments, secret_files: SecretFiles, client: httpx.AsyncClient
) -> Component:
    """Describe the hub's proxy. It is our child, not the hub's: a restart of the hub interrupts no traffic."""
    node = shutil.which("node")
    if node is None:
        raise LocalError("node is missing. On Debian or Ubuntu: apt-get install nodejs npm")
    hub_url = environments.url("hub")
    arguments = [
        *("--ip", str(config.host), "--port", str(config.port)),
        *("--api-ip", "127.0.0.1", "--api-port", environments.url("proxy_api").rpartition(":")[2]),
        *("--default-target", hub_url, "--error-target", f"{hub_url}/hub/error"),
        *("--log-level", "warn"),
    ]
    token = secret_files.ensure("proxy_auth_token")
    return Component(
        name="proxy",
        command=[node, "--require", str(PROXY_EXTENSION), str(PROXY), *arguments],
        environment=environments.build_proxy(),
        directory=CHECKOUT,
        is_ready=HttpProbe(client, f"{environments.url('proxy_api')}/api/routes", token=token),
    )
