"""The hub's sign-in, from its settings."""

from datetime import timedelta
from typing import Any

from ..config import HubConfig
from .settings import LdapConfig, OidcConfig, SharedPasswordConfig, SignInConfig, read_secret

_DAY = timedelta(days=1)


def configure_sign_in(c: Any, config: HubConfig, sign_in: SignInConfig) -> None:
    """Fill the part of JupyterHub's configuration object that says who may sign in, and for how long.

    The authenticators are named, not imported: what one of them needs is loaded only where it is used.
    """
    c.Authenticator.admin_users = {config.admin_username}
    c.JupyterHub.api_tokens = {config.admin_api_token.get_secret_value(): config.admin_username}
    match sign_in:
        case SharedPasswordConfig():
            _configure_shared_password(c, sign_in)
        case LdapConfig():
            _configure_ldap(c, config, sign_in)
        case OidcConfig():
            _configure_oidc(c, config, sign_in)


def _configure_shared_password(c: Any, sign_in: SharedPasswordConfig) -> None:
    c.JupyterHub.authenticator_class = "shared-password"
    c.Authenticator.allowed_users = {sign_in.username}
    c.SharedPasswordAuthenticator.user_password = sign_in.user_password.get_secret_value()
    c.SharedPasswordAuthenticator.admin_password = sign_in.admin_password.get_secret_value()


def _configure_ldap(c: Any, config: HubConfig, sign_in: LdapConfig) -> None:
    c.JupyterHub.authenticator_class = "heliostat_hub.sign_in.ldap.DirectoryAuthenticator"
    c.DirectoryAuthenticator.settings = sign_in
    # With a technical account "no" is the directory's word, and holds for tokens too. Without one it only means that
    # a sign-in has grown old: the tokens of running servers go on reporting, and starts wait for the next sign-in.
    c.Authenticator.auth_refresh_strict = sign_in.account is not None
    _configure_rechecks(c, config, sign_in)


def _configure_oidc(c: Any, config: HubConfig, sign_in: OidcConfig) -> None:
    key = read_secret(sign_in.auth_state_key_file, setting="HELIOSTAT_HUB_OIDC_AUTH_STATE_KEY_FILE")
    secret = read_secret(sign_in.client_secret_file, setting="HELIOSTAT_HUB_OIDC_CLIENT_SECRET_FILE")
    c.JupyterHub.authenticator_class = "heliostat_hub.sign_in.oidc.OidcAuthenticator"
    c.CryptKeeper.keys = [key.get_secret_value()]
    c.Authenticator.enable_auth_state = True
    c.OidcAuthenticator.settings = sign_in
    c.OidcAuthenticator.client_id = sign_in.client_id
    c.OidcAuthenticator.client_secret = secret.get_secret_value()
    c.OidcAuthenticator.oauth_callback_url = f"{str(config.public_url).rstrip('/')}/hub/oauth_callback"
    c.OidcAuthenticator.login_service = sign_in.provider_name
    c.OidcAuthenticator.scope = list(sign_in.scopes)
    c.OidcAuthenticator.enable_pkce = True
    if sign_in.issuer is None:
        c.OidcAuthenticator.authorize_url = str(sign_in.authorize_url)
        c.OidcAuthenticator.token_url = str(sign_in.token_url)
        c.OidcAuthenticator.userdata_url = str(sign_in.userinfo_url)
    _configure_rechecks(c, config, sign_in)


def _configure_rechecks(c: Any, config: HubConfig, sign_in: LdapConfig | OidcConfig) -> None:
    c.RecheckedAuthenticator.reserved_name = config.admin_username
    c.RecheckedAuthenticator.anonymous_launches = config.anonymous_launches
    c.Authenticator.manage_groups = True
    c.Authenticator.any_allow_config = True  # the authenticators decide; the hub need not warn that nobody may sign in
    c.Authenticator.auth_refresh_age = int(sign_in.recheck_age.total_seconds())
    c.Authenticator.refresh_pre_spawn = False  # `pre_spawn_start` asks, and says why not
    c.JupyterHub.cookie_max_age_days = sign_in.sign_in_age / _DAY
