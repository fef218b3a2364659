"""Settings of the plugin inside JupyterHub."""

from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal, Self

from heliostat_core.config import Settings
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

SignInWay = Literal["local", "ldap", "oidc"]


class HubServiceConfig(BaseModel):
    """A service behind the hub's proxy and its token at the hub."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    url: HttpUrl
    api_token: SecretStr = Field(min_length=8, max_length=64)  # the hub refuses longer ones


class HubConfig(Settings):
    """What `jupyterhub_config.py` is made of; environment variables begin with ``HELIOSTAT_HUB_``."""

    model_config = SettingsConfigDict(env_prefix="HELIOSTAT_HUB_", frozen=True, extra="forbid")

    state_directory: Path = Field(description="state directory of the instance")
    runtime: Literal["process", "docker"] = Field(
        default="process", description="what servers are: sandboxed processes, or containers of an engine"
    )
    base_environment: Path | None = Field(
        default=None, description="virtual environment that runs JupyterLab (process runtime)"
    )
    fork_servers: bool = Field(
        default=True, description="JupyterLab is imported once, and servers are forked from that (process runtime)"
    )
    engine_url: str | None = Field(
        default=None, description="address of the container engine; none: the host's own socket (docker runtime)"
    )
    default_image: str | None = Field(
        default=None, description="image of servers without a repository (docker runtime)"
    )
    network: str | None = Field(default=None, description="engine's network that servers are on (docker runtime)")
    instance: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]{1,32}$",
        description="in the labels of what the hub makes in the engine; none: from the state directory's path",
    )
    state_mount: str | None = Field(
        default=None,
        description="path on the engine's host, or volume of the engine, that is the state directory; "
        "none: the same path (docker runtime, a hub that is not root)",
    )
    writable_images: bool = Field(
        default=False,
        description="servers may write to the directories of their image, which no limit counts (docker runtime)",
    )
    public_url: HttpUrl = Field(description="where browsers and API clients reach the proxy")
    bind_url: HttpUrl = Field(description="where the proxy listens")
    port: int = Field(ge=1, le=65535, description="port of the hub")
    listen_address: IPv4Address = Field(
        default=IPv4Address("127.0.0.1"), description="address the hub listens on; servers must reach it"
    )
    connect_url: HttpUrl | None = Field(
        default=None, description="how servers and the proxy reach the hub; none: at the address it listens on"
    )
    proxy_api_url: HttpUrl = Field(description="REST API of configurable-http-proxy")
    proxy_auth_token: SecretStr | None = Field(
        default=None, description="token of that API; default: CONFIGPROXY_AUTH_TOKEN of the environment"
    )
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

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"process": ("base_environment",), "docker": ("default_image", "network")}[self.runtime]
        missing = [f"HELIOSTAT_HUB_{name.upper()}" for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"the {self.runtime} runtime needs {' and '.join(missing)}")
        return self

    @property
    def hub_url(self) -> str:
        """How servers and the proxy reach the hub, without a slash at the end."""
        return str(self.connect_url or f"http://{self.listen_address}:{self.port}").rstrip("/")
