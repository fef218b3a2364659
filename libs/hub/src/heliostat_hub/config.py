"""Settings of the plugin inside JupyterHub."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

SignInWay = Literal["local", "ldap", "oidc"]


class HubServiceConfig(BaseModel):
    """A service behind the hub's proxy and its token at the hub."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    url: HttpUrl
    api_token: SecretStr = Field(min_length=8, max_length=64)  # the hub refuses longer ones


class HubConfig(BaseSettings):
    """What `jupyterhub_config.py` is made of; environment variables begin with ``HELIOSTAT_HUB_``."""

    model_config = SettingsConfigDict(env_prefix="HELIOSTAT_HUB_", frozen=True, extra="forbid")

    state_directory: Path = Field(description="state directory of the instance")
    base_environment: Path = Field(description="virtual environment that runs JupyterLab")
    public_url: HttpUrl = Field(description="where browsers and API clients reach the proxy")
    bind_url: HttpUrl = Field(description="where the proxy listens")
    port: int = Field(ge=1, le=65535, description="loopback port of the hub")
    proxy_api_url: HttpUrl = Field(description="REST API of configurable-http-proxy")
    cookie_secret_file: Path = Field(description="file with the hub's cookie secret, mode 0600")
    policy_url: HttpUrl = Field(description="the policy service with its base path")
    policy_token: SecretStr = Field(description="the plugin's own token at policy")
    grant_key: SecretStr = Field(min_length=32, description="key shared with sessions, to verify grants")
    activity_url: HttpUrl = Field(description="where servers report activity")
    services: tuple[HubServiceConfig, ...] = Field(description="JSON list of {name, url, api_token}")
    sign_in: SignInWay = Field(
        default="local", description="local (a shared password), ldap (Active Directory) or oidc (OpenID Connect)"
    )
    anonymous_launches: bool = Field(
        default=False, description="whether the sessions service may make and delete temporary users"
    )
    admin_username: str = Field(description="the administrator who has the API token; no account of a directory is")
    admin_api_token: SecretStr = Field(min_length=8, max_length=64, description="the administrator's API token")
    metrics_token: SecretStr | None = Field(
        default=None, min_length=8, max_length=64, description="with which Prometheus reads the hub's metrics, only"
    )
