"""``python -m heliostat_local.documents``: write docs/api and docs/configuration.md from the code."""

import json
import sys
from pathlib import Path
from typing import Any

from heliostat_builder.config import BuilderConfig
from heliostat_builder.main import create_app as create_builder
from heliostat_core.config import describe_settings
from heliostat_core.migrate import MigrateConfig
from heliostat_hub.config import HubConfig
from heliostat_hub.sign_in import LdapConfig, OidcConfig, SharedPasswordConfig
from heliostat_policy.config import PolicyConfig
from heliostat_policy.main import create_app as create_policy
from heliostat_sessions.config import SessionsConfig
from heliostat_sessions.main import create_app as create_sessions
from pydantic_settings import BaseSettings

from .config import CHECKOUT, LocalConfig

__all__ = ["build_configuration_page", "build_openapi_documents"]

_INTRODUCTION = """# Configuration

Written by `make config-docs` from the code.

Settings of the services, the hub's plugin and migrations are environment variables, or files of the same names in
the directory that `HELIOSTAT_SECRETS_DIRECTORY` names: `heliostat_builder_policy_token` there is
`HELIOSTAT_BUILDER_POLICY_TOKEN`.
The environment wins.
"""
_ANYTHING: dict[str, Any] = {
    "database_url": "postgresql+asyncpg:///heliostat",
    "port": 1,
    "hub_api_url": "http://127.0.0.1:1/hub/api",
    "hub_api_token": "x" * 32,
    "public_url": "http://127.0.0.1:1",
}
_PEERS: dict[str, Any] = {"policy_url": "http://127.0.0.1:1", "policy_token": "x" * 32, "state_directory": "state"}
_SECTIONS: list[tuple[str, type[BaseSettings]]] = [
    ("The instance (`make up`)", LocalConfig),
    ("Builder", BuilderConfig),
    ("Sessions", SessionsConfig),
    ("Policy", PolicyConfig),
    ("The plugin inside JupyterHub", HubConfig),
    ("Sign-in with shared passwords (`HELIOSTAT_HUB_SIGN_IN=local`)", SharedPasswordConfig),
    ("Sign-in with Active Directory (`HELIOSTAT_HUB_SIGN_IN=ldap`)", LdapConfig),
    ("Sign-in with OpenID Connect (`HELIOSTAT_HUB_SIGN_IN=oidc`)", OidcConfig),
    ("Migrations (`make migrate`)", MigrateConfig),
]


def build_openapi_documents() -> dict[str, dict[str, Any]]:
    """Build the OpenAPI document of each service, by name."""
    builder = create_builder(BuilderConfig(**_ANYTHING, **_PEERS))
    policy = create_policy(PolicyConfig(**_ANYTHING, default_policy=CHECKOUT / "deploy/policy/default.yaml"))
    peers: dict[str, Any] = {"builder_url": "http://127.0.0.1:1", "builder_token": "x" * 32}
    secrets: dict[str, Any] = dict.fromkeys(("grant_key", "cookie_secret", "build_token_secret"), "x" * 32)
    sessions = create_sessions(SessionsConfig(**_ANYTHING, **_PEERS, **peers, **secrets))
    return {"builder": builder.openapi(), "policy": policy.openapi(), "sessions": sessions.openapi()}


def build_configuration_page() -> str:
    """Build the page that lists every setting."""
    parts = [_INTRODUCTION]
    for title, config in _SECTIONS:
        rows = [
            f"| `{name}` | {_shorten(default)} | {meaning} |\n" for name, default, meaning in describe_settings(config)
        ]
        parts.append(f"\n## {title}\n\n| variable | default | meaning |\n|---|---|---|\n{''.join(rows)}")
    return "".join(parts)


def _shorten(default: str) -> str:
    return f"`{default.replace(str(CHECKOUT), '<checkout>')}`" if default != "required" else "required"


def main(root: Path) -> None:
    """Write all documents below a folder."""
    for name, document in build_openapi_documents().items():
        path = root / "api" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    (root / "configuration.md").write_text(build_configuration_page())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
