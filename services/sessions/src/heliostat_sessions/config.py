"""Settings of the sessions service."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, Self

from heliostat_core.config import ServiceConfig
from heliostat_core.units import Duration
from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

BASE_PATH = "/services/binder/"
"""Where the hub's proxy serves this service; the same inside."""

SERVICE_NAME = "binder"
"""Name of this service in the hub."""


class SessionsConfig(ServiceConfig):
    """What the sessions service needs to run."""

    model_config = SettingsConfigDict(env_prefix="HELIOSTAT_SESSIONS_", frozen=True, extra="forbid")

    builder_url: HttpUrl = Field(description="the builder's address; its base path is added where it is missing")
    builder_token: SecretStr = Field(description="this service's token at the builder")
    policy_url: HttpUrl = Field(description="the policy service's address; its base path is added where it is missing")
    policy_token: SecretStr = Field(description="this service's token at the policy service")
    grant_key: SecretStr = Field(description="key that signs grants; the hub's plugin has the same")
    cookie_secret: SecretStr = Field(description="secret from which the key of browsers' cookies is derived")
    runtime: Literal["process", "docker"] = Field(
        default="process", description="what servers are; in the docker runtime the hub is asked for their storage"
    )
    state_directory: Path | None = Field(
        default=None, description="state directory of the instance, for volumes and run records (process runtime)"
    )
    build_token_secret: SecretStr = Field(
        min_length=32, description="secret of the tokens with which pages vouch for BinderHub launches"
    )
    allowed_origins: tuple[HttpUrl, ...] = Field(
        default=(), description="JSON list of origins whose pages may call this API, with an Authorization header"
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=("127.0.0.0/8", "::1/128"),
        validate_default=True,
        description="JSON list of networks whose X-Forwarded-For is believed",
    )
    build_only: bool = Field(default=True, description="whether BinderHub clients may build without launching")
    anonymous_launches: bool = Field(
        default=False, description="whether anybody may launch, as a temporary user that is deleted with its storage"
    )
    temporary_users: int = Field(default=20, ge=0, description="temporary users there may be at a time")
    anonymous_rate: int = Field(default=10, ge=0, description="anonymous launches per address and rate period")
    user_rate: int | None = Field(
        default=None, ge=0, description="BinderHub launches per user and rate period; none: any"
    )
    rate_period: Duration = Field(default=timedelta(hours=1), description="window in which launches are counted")
    linger: Duration = Field(
        default=timedelta(minutes=1), description="how long a BinderHub stream stays open after its last message"
    )
    launch_deadline: Duration = Field(default=timedelta(hours=1), description="a launch that takes longer has failed")
    outage_patience: Duration = Field(
        default=timedelta(minutes=2), description="how long a launch waits for a service or the hub that is away"
    )
    lease_duration: Duration = Field(
        default=timedelta(seconds=10), description="how long the work of a process that died stays unattended"
    )
    reconcile_interval: Duration = Field(default=timedelta(seconds=3), description="pause between looks at the hub")
    idle_sweep_interval: Duration = Field(default=timedelta(seconds=30), description="pause between idle sweeps")
    measure_interval: Duration = Field(default=timedelta(minutes=1), description="pause between storage measurements")
    report_freshness: Duration = Field(
        default=timedelta(minutes=3), description="older reports of a server prove nothing about its idleness"
    )
    report_patience: Duration = Field(
        default=timedelta(minutes=10), description="after this long without a report the hub's last activity counts"
    )

    @field_validator("builder_url", "policy_url")
    @classmethod
    def _without_query(cls, value: HttpUrl) -> HttpUrl:
        if value.query or value.fragment:
            raise ValueError("must be a plain address")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _without_path(cls, value: tuple[HttpUrl, ...]) -> tuple[HttpUrl, ...]:
        if any(origin.path not in {None, "/"} or origin.query or origin.fragment for origin in value):
            raise ValueError("an origin is scheme, host and port, such as https://docs.example.org")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.runtime == "process" and self.state_directory is None:
            raise ValueError("the process runtime needs HELIOSTAT_SESSIONS_STATE_DIRECTORY")
        return self

    @property
    def origins(self) -> list[str]:
        """The allowed origins as browsers write them."""
        return [str(origin).rstrip("/") for origin in self.allowed_origins]

    @property
    def builder_base(self) -> str:
        """The builder's base URL."""
        return _with_base_path(self.builder_url, "/services/builder/")

    @property
    def policy_base(self) -> str:
        """The policy service's base URL."""
        return _with_base_path(self.policy_url, "/services/policy/")


def _with_base_path(url: HttpUrl, path: str) -> str:
    text = str(url).rstrip("/")
    return f"{text}/" if text.endswith(path.rstrip("/")) else f"{text}{path}"
