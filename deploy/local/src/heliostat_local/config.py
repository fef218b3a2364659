"""Settings of the local deployment, read once from the environment."""

import hashlib
import os
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, HttpUrl
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["CHECKOUT", "LocalConfig"]

CHECKOUT = Path(__file__).resolve().parents[4]


def _resolve(path: Path) -> Path:
    return path.expanduser().resolve()


class LocalConfig(BaseSettings):
    """Where one instance keeps its state and how it is reached."""

    model_config = SettingsConfigDict(env_prefix="HELIOSTAT_", frozen=True)

    state_dir: Annotated[Path, AfterValidator(_resolve)] = Field(
        default=CHECKOUT / ".heliostat", description="directory with all state of this instance"
    )
    host: IPv4Address | IPv6Address = Field(
        default=IPv4Address("127.0.0.1"), description="address the proxy listens on; the only one others may reach"
    )
    port: int = Field(default=8000, ge=1, le=65535, description="port the proxy listens on")
    public_url: HttpUrl | None = Field(
        default=None, description="how browsers reach the proxy, when it is not http://HOST:PORT"
    )
    runtime: Literal["process", "docker"] = Field(
        default="process", description="what builds and servers are: processes of this host, or images and containers"
    )
    collaboration: bool = Field(
        default=False,
        description="servers have jupyter-collaboration: people who share one edit its files together live",
    )

    @property
    def url(self) -> str:
        """How browsers reach the proxy, without a slash at the end."""
        if self.public_url is not None:
            return str(self.public_url).rstrip("/")
        return f"http://{format_host(self.host)}:{self.port}"

    @property
    def bind_url(self) -> str:
        """Where the proxy listens."""
        host = str(self.host) if self.host.version == 4 else f"[{self.host}]"  # noqa: PLR2004
        return f"http://{host}:{self.port}"

    @property
    def instance(self) -> str:
        """A short name that no other state directory has."""
        return hashlib.sha256(os.fsencode(self.state_dir)).hexdigest()[:12]


def format_host(host: IPv4Address | IPv6Address) -> str:
    """Write an address as it stands in a URL; "any address" becomes the loopback one, which it includes."""
    if host.is_unspecified:
        return "127.0.0.1" if host.version == 4 else "[::1]"  # noqa: PLR2004
    return str(host) if host.version == 4 else f"[{host}]"  # noqa: PLR2004
