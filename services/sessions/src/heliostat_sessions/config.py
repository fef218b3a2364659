"""Settings of the sessions service."""

from datetime import timedelta
from pathlib import Path

from heliostat_core.config import ServiceConfig
from heliostat_core.units import Duration
from pydantic import Field, HttpUrl, SecretStr, field_validator
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
    state_directory: Path = Field(description="state directory of the instance, for volumes and run records")
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
