"""Signing in: one shared password, Active Directory, or OpenID Connect, chosen and described by settings alone."""

from .configure import configure_sign_in
from .settings import (
    LdapConfig,
    OidcConfig,
    SettingsInvalidError,
    SharedPasswordConfig,
    SignInConfig,
    read_settings,
    read_sign_in,
)

__all__ = [
    "LdapConfig",
    "OidcConfig",
    "SettingsInvalidError",
    "SharedPasswordConfig",
    "SignInConfig",
    "configure_sign_in",
    "read_settings",
    "read_sign_in",
]
