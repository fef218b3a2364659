"""Settings of the policy service."""

from datetime import timedelta
from pathlib import Path

from heliostat_core.config import ServiceConfig
from heliostat_core.units import Duration
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class PolicyConfig(ServiceConfig):
    """What the policy service needs to run."""

    model_config = SettingsConfigDict(env_prefix="HELIOSTAT_POLICY_", extra="forbid", frozen=True)

    default_policy: Path = Field(description="YAML that becomes version 1 where the database has no policy yet")
    reservation_duration: Duration = Field(
        default=timedelta(seconds=60), description="how long an admitted server counts before its record exists"
    )
