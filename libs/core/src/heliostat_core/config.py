"""Settings every service has. One class per service, read once in `main`; the environment is read nowhere else."""

import os
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict
from typing_extensions import override

from .logging import LogFormat

SECRETS_DIRECTORY = "HELIOSTAT_SECRETS_DIRECTORY"
"""Variable that names a directory with one file per setting, for secrets that shall stand in no environment."""


class Settings(BaseSettings):
    """Settings from the environment, else from the files of the secrets directory, named like the variables."""

    model_config = SettingsConfigDict(hide_input_in_errors=True)  # what is wrong with a secret is said without it

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values come from, the strongest first."""
        files = SecretsSettingsSource(settings_cls, secrets_dir=os.environ.get(SECRETS_DIRECTORY))
        return init_settings, env_settings, files


class CallerConfig(BaseModel):
    """Another service that may call this one: its name, the SHA-256 of its token, and what it may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    token_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: frozenset[str]


class ServiceConfig(Settings):
    """What every service needs to run."""

    database_url: SecretStr = Field(description="SQLAlchemy URL with the asyncpg driver, of this service's own role")
    host: IPv4Address | IPv6Address = Field(default=IPv4Address("127.0.0.1"), description="address to listen on")
    port: int = Field(ge=1, le=65535, description="port to listen on")
    hub_api_url: HttpUrl = Field(description="JupyterHub's REST API, for example http://127.0.0.1:8081/hub/api")
    hub_api_token: SecretStr = Field(description="this service's own token at the hub")
    public_url: HttpUrl = Field(description="where browsers and API clients reach the hub's proxy")
    callers: tuple[CallerConfig, ...] = Field(default=(), description="services that may call this one")
    log_format: LogFormat = Field(default="json", description="json or console")

    @property
    def hub_api(self) -> str:
        """The hub's REST API without a slash at the end."""
        return str(self.hub_api_url).rstrip("/")

    @property
    def public(self) -> str:
        """The public URL without a slash at the end."""
        return str(self.public_url).rstrip("/")


def describe_settings(config: type[BaseSettings]) -> list[tuple[str, str, str]]:
    """List the settings of a class as (environment variable, default, meaning) for the documentation."""
    prefix = config.model_config.get("env_prefix", "")
    rows = []
    for name, field in config.model_fields.items():
        default: Any = "required" if field.is_required() else field.get_default(call_default_factory=True)
        rows.append((f"{prefix}{name}".upper(), str(default), field.description or ""))
    return rows
