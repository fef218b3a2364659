"""Settings of each way to sign in; only those of the chosen way are read, and none has a default secret."""

from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import urlsplit

from heliostat_core.config import Settings
from pydantic import AfterValidator, Field, FilePath, HttpUrl, SecretStr, StringConstraints, ValidationError
from pydantic import model_validator as check_model
from pydantic_settings import BaseSettings, SettingsConfigDict

from ..config import SignInWay

SettingsT = TypeVar("SettingsT", bound=BaseSettings)

_SECURE_SCHEMES = {"https"}
_LDAP_SCHEMES = {"ldap", "ldaps"}


class SettingsInvalidError(SystemExit):
    """Ends the process with the names of the settings that are missing or wrong, and never a value.

    A `SystemExit`, because its text is then the last thing the process prints; a traceback would bury it.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("heliostat: the hub's settings cannot be used\n" + "\n".join(f"  {text}" for text in problems))


def _check_directory_server(url: str) -> str:
    parts = urlsplit(url)
    rest = (parts.path.strip("/"), parts.query, parts.fragment, parts.username, parts.password)
    if parts.scheme not in _LDAP_SCHEMES or not parts.hostname or any(rest):
        raise ValueError("each server is ldaps://HOST[:PORT], or ldap://HOST[:PORT] for StartTLS")
    _ = parts.port  # raises ValueError for one that cannot be
    return url


def _check_provider_url(url: HttpUrl) -> HttpUrl:
    if url.scheme not in _SECURE_SCHEMES and not _is_loopback(url.host or ""):
        raise ValueError("a provider is reached by https; plain http is for loopback only")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


DirectoryServer = Annotated[str, AfterValidator(_check_directory_server)]
DnsName = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$")]
ProviderUrl = Annotated[HttpUrl, AfterValidator(_check_provider_url)]
Age = Annotated[timedelta, Field(ge=timedelta(seconds=1))]


class SharedPasswordConfig(Settings):
    """One password for users and another for the administrator: for one host and people who know one another."""

    model_config = SettingsConfigDict(env_prefix="HELIOSTAT_HUB_", frozen=True, extra="forbid")

    username: str = Field(description="the only user beside the administrator")
    user_password: SecretStr = Field(min_length=8, description="password of users")
    admin_password: SecretStr = Field(min_length=32, description="password of the administrator")

    @property
    def admin_groups(self) -> tuple[str, ...]:
        """Nobody becomes an administrator by a group."""
        return ()


class LdapConfig(Settings):
    """Active Directory (or Samba's): people sign in with `user@domain`, or `user`, and their password."""

    model_config = SettingsConfigDict(env_prefix="HELIOSTAT_HUB_LDAP_", frozen=True, extra="forbid")

    servers: tuple[DirectoryServer, ...] = Field(
        min_length=1, description="JSON list of ldaps://HOST or, with StartTLS, ldap://HOST; tried in this order"
    )
    domain: DnsName = Field(description="DNS name of the domain, for example ad.example.org")
    upn_suffixes: tuple[DnsName, ...] = Field(
        default=(), description="JSON list of other names people may write after the @"
    )
    group_filter: str | None = Field(
        default=None,
        pattern=r"^\(.+\)$",
        description="LDAP filter of the groups Heliostat sees, for example (sAMAccountName=heliostat-*)",
    )
    allowed_groups: tuple[str, ...] = Field(
        default=(), description="JSON list of groups whose members may sign in; default: everybody"
    )
    admin_groups: tuple[str, ...] = Field(default=(), description="JSON list of groups of administrators")
    ca_file: FilePath | None = Field(
        default=None, description="certificates that sign the servers' ones; default: the system's"
    )
    insecure_plain_text: bool = Field(
        default=False, description="send passwords unencrypted to ldap:// servers; never on a network"
    )
    account: str | None = Field(
        default=None, description="user@domain of a technical account that may read users and groups, for re-checks"
    )
    account_password_file: FilePath | None = Field(default=None, description="file with that account's password")
    deadline: Age = Field(
        default=timedelta(seconds=10), description="the directory answers within this time, or is away"
    )
    sign_in_age: Age = Field(default=timedelta(hours=12), description="people sign in again after this time")
    recheck_age: Age = Field(
        default=timedelta(minutes=5),
        description="with a technical account: accounts are looked up again after this time",
    )

    @check_model(mode="after")
    def _check_together(self) -> Self:
        if (self.account is None) != (self.account_password_file is None):
            raise ValueError(
                "HELIOSTAT_HUB_LDAP_ACCOUNT and HELIOSTAT_HUB_LDAP_ACCOUNT_PASSWORD_FILE "
                "are given together or not at all"
            )
        return self

    @property
    def domain_dn(self) -> str:
        """The domain as a distinguished name."""
        return ",".join(f"DC={label}" for label in self.domain.split("."))


class OidcConfig(Settings):
    """An OpenID Connect provider, by authorization code with PKCE."""

    model_config = SettingsConfigDict(env_prefix="HELIOSTAT_HUB_OIDC_", frozen=True, extra="forbid")

    issuer: ProviderUrl | None = Field(
        default=None, description="the provider's issuer URL, whose discovery document names the endpoints"
    )
    authorize_url: ProviderUrl | None = Field(default=None, description="authorization endpoint, without an issuer")
    token_url: ProviderUrl | None = Field(default=None, description="token endpoint, without an issuer")
    userinfo_url: ProviderUrl | None = Field(default=None, description="userinfo endpoint, without an issuer")
    client_id: str = Field(min_length=1, description="the hub's client id at the provider")
    client_secret_file: FilePath = Field(description="file with the client secret")
    auth_state_key_file: FilePath = Field(
        description="file with 64 hexadecimal digits; encrypts the provider's tokens in the hub's database"
    )
    scopes: tuple[str, ...] = Field(default=("openid", "profile"), description="JSON list of scopes to ask for")
    username_claim: str = Field(
        default="preferred_username", description="claim that becomes the user name; one that people cannot change"
    )
    groups_claim: str = Field(default="groups", description="claim with the list of groups")
    allowed_groups: tuple[str, ...] = Field(
        default=(), description="JSON list of groups whose members may sign in; default: everybody"
    )
    admin_groups: tuple[str, ...] = Field(default=(), description="JSON list of groups of administrators")
    provider_name: str = Field(default="OpenID Connect", description="the provider's name on the sign-in button")
    sign_in_age: Age = Field(default=timedelta(hours=12), description="people sign in again after this time")
    recheck_age: Age = Field(default=timedelta(minutes=5), description="the provider is asked again after this time")

    @check_model(mode="after")
    def _check_together(self) -> Self:
        endpoints = (self.authorize_url, self.token_url, self.userinfo_url)
        if (self.issuer is None) != all(endpoints) or (self.issuer is not None and any(endpoints)):
            raise ValueError(
                "give HELIOSTAT_HUB_OIDC_ISSUER, or else all of HELIOSTAT_HUB_OIDC_AUTHORIZE_URL, "
                "HELIOSTAT_HUB_OIDC_TOKEN_URL and HELIOSTAT_HUB_OIDC_USERINFO_URL"
            )
        return self


SignInConfig = SharedPasswordConfig | LdapConfig | OidcConfig


def read_sign_in(way: SignInWay) -> SignInConfig:
    """Read the settings of one way to sign in from the environment.

    Raises
    ------
    SettingsInvalidError
        Something is missing or wrong.
    """
    match way:
        case "local":
            return read_settings(SharedPasswordConfig)
        case "ldap":
            return read_settings(LdapConfig)
        case "oidc":
            return read_settings(OidcConfig)


def read_settings(config: type[SettingsT]) -> SettingsT:
    """Read a settings class from the environment; raise SettingsInvalidError when something is missing or wrong."""
    try:
        return config()
    except ValidationError as error:
        prefix = config.model_config.get("env_prefix", "")
        raise SettingsInvalidError(list(_describe_problems(error, prefix=prefix))) from None


def read_secret(file: Path, *, setting: str) -> SecretStr:
    """Read a secret from a file, without the end of its line.

    Raises
    ------
    SettingsInvalidError
        The file cannot be read, or is empty.
    """
    try:
        secret = file.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalidError([f"{setting}: {file} cannot be read ({type(error).__name__})"]) from None
    if not secret:
        raise SettingsInvalidError([f"{setting}: {file} is empty"])
    return SecretStr(secret)


def _describe_problems(error: ValidationError, *, prefix: str) -> Iterator[str]:
    details: Any
    for details in error.errors(include_url=False, include_context=False, include_input=False):
        message = details["msg"].removeprefix("Value error, ")
        if not details["loc"]:
            yield message
            continue
        name, *inside = details["loc"]
        yield f"{prefix}{name}".upper() + "".join(f"[{part}]" for part in inside) + f": {message}"
