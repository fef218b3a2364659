"""The environment variables of each process: the configuration contract between the parts."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from .config import CHECKOUT, LocalConfig
from .engine import EngineReady
from .layout import StateLayout
from .postgres import PostgresCluster
from .secret_files import ADMIN_NAME, USER_NAME, SecretFiles

__all__ = ["HUB_METRICS", "ProcessEnvironments", "build_tool_environment"]

VENV = CHECKOUT / ".venv"
OWN_PREFIXES = ("HELIOSTAT_", "JUPYTERHUB_", "CONFIGPROXY_", "PYTHON", "VIRTUAL_ENV")
HUB_METRICS = "hub_metrics_token"  # name of the secret with which Prometheus reads the hub's metrics
HUB_SERVICE_NAMES = {"sessions": "binder", "builder": "builder", "policy": "policy"}
CERTIFICATE_SETTINGS = ("SSL_CERT_FILE", "SSL_CERT_DIR")
PROXY_SETTINGS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
INDEX_SETTINGS = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
)
NETWORK_SETTINGS = {
    *CERTIFICATE_SETTINGS,
    *INDEX_SETTINGS,
    *PROXY_SETTINGS,
    *map(str.lower, PROXY_SETTINGS),
    "UV_SYSTEM_CERTS",
}
"""What builds need of this machine's settings to reach a package index the way the machine itself does."""
CALLERS: dict[str, dict[str, list[str]]] = {
    "builder": {"sessions": ["build"]},
    "policy": {"sessions": ["decide"], "builder": ["decide"], "hub": ["decide"]},
    "sessions": {},
}
"""Callee to its callers and their scopes; each pair has a token of its own."""


def build_tool_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Build what any child may see: the machine's settings (proxies, certificates, locale), none of ours."""
    environment = {name: value for name, value in inherited.items() if not name.startswith(OWN_PREFIXES)}
    environment["PATH"] = f"{VENV / 'bin'}:{inherited.get('PATH', '/usr/local/bin:/usr/bin:/bin')}"
    environment["PYTHONUNBUFFERED"] = "1"
    environment.setdefault("UV_SYSTEM_CERTS", "1")
    return environment


class ProcessEnvironments:
    """Builds each process's environment.

    What an operator sets under a service's own prefix reaches that service, except where the supervisor alone knows
    the right value (addresses, tokens, directories).
    """

    def __init__(
        self,
        *,
        config: LocalConfig,
        layout: StateLayout,
        secret_files: SecretFiles,
        ports: Mapping[str, int],
        postgres: PostgresCluster,
        inherited: Mapping[str, str],
        engine: EngineReady | None = None,
    ) -> None:
        self._config = config
        self._engine = engine
        self._layout = layout
        self._secrets = secret_files
        self._ports = ports
        self._postgres = postgres
        self._inherited = inherited
        self._tools = build_tool_environment(inherited)

    def url(self, name: str) -> str:
        """Return an inner service's address; servers that are containers must reach the hub, and nothing else."""
        host = self._engine.gateway if self._engine is not None and name == "hub" else "127.0.0.1"
        return f"http://{host}:{self._ports[name]}"

    def base_url(self, name: str) -> str:
        """Return where a service answers API calls."""
        return f"{self.url(name)}/services/{HUB_SERVICE_NAMES[name]}/"

    @property
    def hub_api_url(self) -> str:
        """The hub's REST API, not through the proxy."""
        return f"{self.url('hub')}/hub/api"

    def build_migrate(self) -> dict[str, str]:
        """Build the environment of the migration job."""
        return {**self._tools, "HELIOSTAT_MIGRATE_DATABASE_URL": self._postgres.build_url("heliostat")}

    def build_proxy(self) -> dict[str, str]:
        """Build the environment of the proxy."""
        return {**self._tools, "CONFIGPROXY_AUTH_TOKEN": self._secrets.ensure("proxy_auth_token")}

    def build_builder(self) -> dict[str, str]:
        """Build the environment of the builder."""
        fixed = {
            "POLICY_URL": self.base_url("policy"),
            "POLICY_TOKEN": self._token("builder", "policy"),
            "STATE_DIRECTORY": str(self._layout.root),
            "RUNTIME": self._config.runtime,
        }
        certificates = [self._tools[name] for name in CERTIFICATE_SETTINGS if name in self._tools]
        defaults = {
            "ALLOWED_PRIVATE_NETWORKS": json.dumps(["127.0.0.0/8", "::1/128"]),
            "BUILD_ENVIRONMENT": json.dumps({k: v for k, v in self._tools.items() if k in NETWORK_SETTINGS}),
            "BUILD_READABLE_PATHS": json.dumps(certificates),
            **({"BASE_IMAGE": self._engine.image} if self._engine is not None else {}),
        }
        return self._build_service("builder", fixed=fixed, defaults=defaults)

    def build_sessions(self) -> dict[str, str]:
        """Build the environment of the sessions service."""
        fixed = {
            "BUILDER_URL": self.base_url("builder"),
            "BUILDER_TOKEN": self._token("sessions", "builder"),
            "POLICY_URL": self.base_url("policy"),
            "POLICY_TOKEN": self._token("sessions", "policy"),
            "GRANT_KEY": self._secrets.ensure("grant_key"),
            "COOKIE_SECRET": self._secrets.ensure("sessions_cookie_secret"),
            "BUILD_TOKEN_SECRET": self._secrets.ensure("sessions_build_token_secret"),
            "STATE_DIRECTORY": str(self._layout.root),
            "RUNTIME": self._config.runtime,
        }
        return self._build_service("sessions", fixed=fixed, defaults={})

    def build_policy(self) -> dict[str, str]:
        """Build the environment of the policy service."""
        defaults = {"DEFAULT_POLICY": str(CHECKOUT / "deploy" / "policy" / "default.yaml")}
        return self._build_service("policy", fixed={}, defaults=defaults)

    def build_hub(self, *, base_environment: Path) -> dict[str, str]:
        """Build the environment of JupyterHub."""
        services = [
            {"name": name, "url": self.url(service), "api_token": self._secrets.ensure(f"hub_token_{service}")}
            for service, name in HUB_SERVICE_NAMES.items()
        ]
        fixed = {
            "ACTIVITY_URL": f"{self.base_url('sessions')}api/v1/activity",
            "ADMIN_API_TOKEN": self._secrets.ensure("admin_api_token"),
            "ADMIN_PASSWORD": self._secrets.ensure("admin_password"),
            "ADMIN_USERNAME": ADMIN_NAME,
            "BIND_URL": self._config.bind_url,
            "COOKIE_SECRET_FILE": str(self._secret_file("hub_cookie_secret")),
            "GRANT_KEY": self._secrets.ensure("grant_key"),
            "METRICS_TOKEN": self._secrets.ensure(HUB_METRICS),
            "OIDC_AUTH_STATE_KEY_FILE": str(self._secret_file("hub_auth_state_key")),
            "POLICY_TOKEN": self._token("hub", "policy"),
            "POLICY_URL": self.base_url("policy"),
            "PORT": str(self._ports["hub"]),
            "PROXY_API_URL": self.url("proxy_api"),
            "PUBLIC_URL": self._config.url,
            "SERVICES": json.dumps(services),
            "STATE_DIRECTORY": str(self._layout.root),
            "USERNAME": USER_NAME,
            "USER_PASSWORD": self._secrets.ensure("user_password"),
            "RUNTIME": self._config.runtime,
            **self._describe_servers(base_environment),
        }
        own = {f"HELIOSTAT_HUB_{name}": value for name, value in fixed.items()}
        anonymous = self._inherited.get("HELIOSTAT_SESSIONS_ANONYMOUS_LAUNCHES", "false")
        preset = {"HELIOSTAT_HUB_ANONYMOUS_LAUNCHES": anonymous}
        return {**self.build_proxy(), **preset, **self._set_by_operator("HELIOSTAT_HUB_"), **own}

    def _describe_servers(self, base_environment: Path) -> dict[str, str]:
        if self._engine is None:
            return {"BASE_ENVIRONMENT": str(base_environment)}
        return {
            "DEFAULT_IMAGE": self._engine.image,
            "INSTANCE": self._config.instance,
            "LISTEN_ADDRESS": str(self._engine.gateway),
            "NETWORK": self._engine.network,
        }

    def _build_service(self, name: str, *, fixed: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
        prefix = f"HELIOSTAT_{name.upper()}_"
        common = {
            "CALLERS": json.dumps(self._build_callers(name)),
            "DATABASE_URL": self._postgres.build_url(f"heliostat_{name}"),
            "HOST": "127.0.0.1",
            "HUB_API_TOKEN": self._secrets.ensure(f"hub_token_{name}"),
            "HUB_API_URL": self.hub_api_url,
            "PORT": str(self._ports[name]),
            "PUBLIC_URL": self._config.url,
        }
        own = {f"{prefix}{key}": value for key, value in {**common, **fixed}.items()}
        preset = {f"{prefix}{key}": value for key, value in defaults.items()}
        return {**self._tools, **preset, **self._set_by_operator(prefix), **own}

    def _build_callers(self, callee: str) -> list[dict[str, object]]:
        return [
            {
                "name": caller,
                "token_sha256": hashlib.sha256(self._token(caller, callee).encode()).hexdigest(),
                "scopes": scopes,
            }
            for caller, scopes in CALLERS[callee].items()
        ]

    def _set_by_operator(self, prefix: str) -> dict[str, str]:
        return {name: value for name, value in self._inherited.items() if name.startswith(prefix)}

    def _token(self, caller: str, callee: str) -> str:
        return self._secrets.ensure(f"token_{caller}_to_{callee}")

    def _secret_file(self, name: str) -> Path:
        self._secrets.ensure(name)
        return self._secrets.path(name)
