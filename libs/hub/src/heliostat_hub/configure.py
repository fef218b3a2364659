"""The hub's configuration, from `HubConfig`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .config import HubConfig, HubServiceConfig
from .docker_host import DockerHost
from .docker_spawner import bind_docker_spawner
from .gate import build_limit_hook
from .host import Host
from .pages import build_template_variables
from .process_host import ProcessHost
from .process_spawner import bind_process_spawner
from .sharing import USER_SCOPES, admit_shares
from .sign_in import configure_sign_in, read_sign_in
from .spawner import HeliostatSpawner
from .storage_api import ADMIN, STORAGE, build_handlers
from .user_deletion import stop_servers_before_deletion

LAUNCH = "custom:heliostat:launch"
SERVER_TOKEN_SCOPES = ("users:activity!user", "access:servers!server", "access:services!service=binder")
"""All a server's own token may: report its activity, at the hub and at sessions, and reach itself."""

_TEMPLATES = Path(__file__).parent / "templates"
_SLOW_SPAWN = 0.3  # seconds POST waits: long enough for policy's refusal, not for a start
_SERVICE_TIMEOUT = 1  # seconds; the hub serves nobody while it waits for a service
_ROLE_SCOPES = {
    "binder": (
        "start:servers",
        "delete:servers",
        "read:servers",
        "list:users",
        "read:users",
    )
}
_TEMPORARY_USERS_ROLE = {
    "name": "heliostat-temporary-users",
    "scopes": ["admin:users", "tokens"],
    "services": ["binder"],
}
"""For anonymous launches only: who may make users and tokens may do everything."""
_BROWSER_SCOPES = {"binder": (*USER_SCOPES, "access:services!service=builder", "access:services!service=policy")}
"""What a service may do with the token of a browser that signed in to it, besides knowing who it is: share servers,
and ask the other services what an administrator's page needs, with that person's rights and none of its own."""


def configure(c: Any, host: Host) -> None:
    """Fill JupyterHub's configuration object."""
    config = host.config
    sign_in = read_sign_in(config.sign_in)
    _configure_hub(c, config)
    configure_sign_in(c, config, sign_in)
    _configure_access(c, config, admin_groups=sign_in.admin_groups)
    _configure_servers(c, host)
    _configure_pages(c, host)
    admit_shares(host.gate)
    stop_servers_before_deletion()
    if isinstance(host, DockerHost):
        _configure_storage_api(c, host)


def _configure_hub(c: Any, config: HubConfig) -> None:
    c.JupyterHub.bind_url = str(config.bind_url)
    c.JupyterHub.public_url = str(config.public_url)
    c.JupyterHub.hub_bind_url = f"http://{config.listen_address}:{config.port}"
    c.JupyterHub.hub_connect_url = config.hub_url
    c.JupyterHub.db_url = f"sqlite:///{config.state_directory / 'hub' / 'jupyterhub.sqlite'}"
    c.JupyterHub.cookie_secret_file = str(config.cookie_secret_file)
    c.JupyterHub.default_url = "/hub/home"
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": _SLOW_SPAWN}
    # A hub in a container is also stopped to be replaced; containers of servers are found by the next one.
    c.JupyterHub.cleanup_servers = config.runtime == "process"
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = str(config.proxy_api_url).rstrip("/")
    if config.proxy_auth_token is not None:
        c.ConfigurableHTTPProxy.auth_token = config.proxy_auth_token.get_secret_value()


def _configure_access(c: Any, config: HubConfig, *, admin_groups: Sequence[str]) -> None:
    c.JupyterHub.custom_scopes = {
        LAUNCH: {"description": "Build and launch repositories with Heliostat"},
        ADMIN: {"description": "Administer Heliostat", "subscopes": [LAUNCH]},
    }
    names = [service.name for service in config.services]
    monitors = [] if config.metrics_token is None else [_build_monitor(config.metrics_token.get_secret_value())]
    c.JupyterHub.extra_user_scopes = {LAUNCH, *USER_SCOPES, *(f"access:services!service={name}" for name in names)}
    c.JupyterHub.services = [*(_build_service(service) for service in config.services), *monitors]
    c.JupyterHub.load_roles = [
        {
            "name": "heliostat-admin",
            "scopes": [ADMIN],
            "users": [config.admin_username],
            "groups": list(admin_groups),
        },
        *(
            {"name": f"heliostat-{name}", "scopes": list(_ROLE_SCOPES[name]), "services": [name]}
            for name in names
            if name in _ROLE_SCOPES
        ),
        *([_TEMPORARY_USERS_ROLE] if config.anonymous_launches else []),
        *({"name": "heliostat-metrics", "scopes": ["read:metrics"], "services": [item["name"]]} for item in monitors),
    ]


def _build_monitor(token: str) -> dict[str, Any]:
    """Describe Prometheus: a name and a token, nothing the proxy leads to."""
    return {"name": "prometheus", "api_token": token, "display": False}


def _build_service(service: HubServiceConfig) -> dict[str, Any]:
    return {
        "name": service.name,
        "url": str(service.url),
        "api_token": service.api_token.get_secret_value(),
        "timeout": _SERVICE_TIMEOUT,
        "display": service.name == "binder",
        "oauth_no_confirm": True,
        "oauth_redirect_uri": f"/services/{service.name}/oauth_callback",
        "oauth_client_allowed_scopes": [
            LAUNCH,
            ADMIN,
            "read:users:groups!user",
            *_BROWSER_SCOPES.get(service.name, ()),
        ],
    }


def _configure_servers(c: Any, host: Host) -> None:
    c.JupyterHub.spawner_class = _choose_spawner(host)
    c.JupyterHub.allow_named_servers = True
    c.JupyterHub.named_server_limit_per_user = build_limit_hook(host.gate)
    c.Spawner.apply_user_options = _ignore_user_options
    c.Spawner.server_token_scopes = list(SERVER_TOKEN_SCOPES)
    c.Spawner.env_keep = []  # the hub's PATH, VIRTUAL_ENV and secrets are not the servers' business
    c.Spawner.start_timeout = 90
    c.Spawner.http_timeout = 30
    c.Spawner.poll_interval = 10


def _choose_spawner(host: Host) -> type[HeliostatSpawner]:
    match host:
        case DockerHost():
            return bind_docker_spawner(host)
        case ProcessHost():
            return bind_process_spawner(host)
        case _:
            raise TypeError(type(host).__name__)


def _configure_storage_api(c: Any, host: DockerHost) -> None:
    """Let sessions reach volumes through the hub: in the docker runtime nobody else but the builder has the engine."""
    c.JupyterHub.custom_scopes[STORAGE] = {"description": "List, measure and delete the volumes of all servers"}
    c.JupyterHub.load_roles.append(
        {"name": "heliostat-storage", "scopes": [STORAGE], "services": ["binder"]},
    )
    c.JupyterHub.extra_handlers = build_handlers(host)


def _ignore_user_options(_spawner: Any, _user_options: Any) -> None:
    """Apply nothing: anybody with a token can write user options. The spawner itself reads a signed grant from them."""


def _configure_pages(c: Any, host: Host) -> None:
    c.JupyterHub.template_paths = [str(_TEMPLATES)]
    c.JupyterHub.template_vars = build_template_variables(
        grant_key=host.config.grant_key, collaboration=host.has_collaboration
    )
