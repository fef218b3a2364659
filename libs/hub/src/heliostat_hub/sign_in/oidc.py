"""Signing in at an OpenID Connect provider."""

from typing import Any

from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.oauth2 import OAuthLoginHandler
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from traitlets import Instance, default
from typing_extensions import override

from .accounts import AccountBarredError, Standing
from .names import NameUnusableError
from .rechecking import (
    ACCOUNT,
    AccountsUnavailableError,
    RecheckedAuthenticator,
    Refreshed,
    check_owner,
    digest_identity,
)
from .settings import OidcConfig

_TIMEOUT = 10  # seconds for one request to the provider
_UNAVAILABLE = "The sign-in provider does not answer, so nobody can sign in just now. Try again in a minute."


class OidcLoginHandler(OAuthLoginHandler):  # type: ignore[misc]  # oauthenticator ships no types
    """Sends a browser to the provider."""

    @override
    async def get(self) -> None:
        await self.authenticator.discover()
        super().get()


class OidcAuthenticator(RecheckedAuthenticator, GenericOAuthenticator):  # type: ignore[misc]  # no types
    """OAuthenticator's generic one, with endpoints by discovery, and with its failures in words for people."""

    settings = Instance(OidcConfig, config=True, help="The provider.")
    login_handler = OidcLoginHandler

    @default("http_client")
    def _build_http_client(self) -> AsyncHTTPClient:
        defaults = {"connect_timeout": _TIMEOUT, "request_timeout": _TIMEOUT}
        return AsyncHTTPClient(force_instance=True, defaults=defaults)

    async def discover(self) -> None:
        """Read where the provider's endpoints are, once (OpenID Connect Discovery 1.0, 4).

        Raises
        ------
        HTTPError
            503: it does not say.
        """
        if self.settings.issuer is None or self.authorize_url:
            return
        issuer = str(self.settings.issuer).rstrip("/")
        try:
            found = await self.httpfetch(f"{issuer}/.well-known/openid-configuration", "reading the discovery document")
            self._take_endpoints(found, issuer=issuer)
        except (HTTPClientError, OSError, ValueError, KeyError, TypeError) as error:
            self.log.warning("The provider %s cannot be used: %r", issuer, error)
            raise web.HTTPError(503, _UNAVAILABLE) from error

    def _take_endpoints(self, found: dict[str, str], *, issuer: str) -> None:
        if found["issuer"].rstrip("/") != issuer:
            raise ValueError(f"the document is of the issuer {found['issuer']}")
        self.userdata_url, self.token_url = found["userinfo_endpoint"], found["token_endpoint"]
        self.authorize_url: str = found["authorization_endpoint"]  # last: it says that all are known

    @override
    async def authenticate(self, handler: Any, data: Any = None, **kwargs: Any) -> dict[str, Any]:
        await self.discover()
        try:
            model: dict[str, Any] = await super().authenticate(handler, data, **kwargs)
        except NameUnusableError as error:
            raise web.HTTPError(403, "%s", str(error)) from error
        except (HTTPClientError, OSError) as error:
            self.log.warning("The provider did not finish a sign-in: %s", error)
            raise web.HTTPError(503, _UNAVAILABLE) from error
        return {**self._decide_admin(model), "user_info": {ACCOUNT: self._identify(model)}}

    @override
    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        if not isinstance(user_info.get("sub"), str):
            raise NameUnusableError("The provider sent no account: the claim 'sub' is missing.")
        claim = self.settings.username_claim
        value = user_info.get(claim)
        if not isinstance(value, str):
            raise NameUnusableError(f"The provider sent no user name: the claim {claim!r} is missing.")
        return self.choose_name(value)

    @override
    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        """Read the groups of a user from the claim; people without any may have no such claim."""
        groups = auth_state[self.user_auth_state_key].get(self.settings.groups_claim) or []
        return {group for group in groups if isinstance(group, str)} if isinstance(groups, list) else set()

    @override
    async def check_allowed(self, username: str, auth_model: Any) -> bool:
        if not self._is_allowed(auth_model):
            raise web.HTTPError(403, Standing.NOT_ALLOWED.value)
        return True

    @override
    async def recheck(self, user: Any) -> Refreshed:
        try:
            await self.discover()
            model = await GenericOAuthenticator.refresh_user(self, user)
        except (web.HTTPError, HTTPClientError, OSError) as error:
            raise AccountsUnavailableError(str(error)) from error
        except NameUnusableError as error:
            raise AccountBarredError(Standing.MISSING) from error
        if not isinstance(model, dict) or model["name"] != user.name:
            raise AccountBarredError(Standing.SIGN_IN_EXPIRED)
        check_owner(user, self._identify(model))
        if not self._is_allowed(self._decide_admin(model)):
            raise AccountBarredError(Standing.NOT_ALLOWED)
        return model

    def _identify(self, model: dict[str, Any]) -> str:
        subject = model["auth_state"][self.user_auth_state_key]["sub"]
        return digest_identity(str(self.settings.issuer or self.settings.userinfo_url), subject)

    def _decide_admin(self, model: dict[str, Any]) -> dict[str, Any]:
        """Set, either way, whether a user is an administrator: who leaves the group is none any more."""
        model["admin"] = not set(self.settings.admin_groups).isdisjoint(model["groups"])
        return model

    def _is_allowed(self, model: dict[str, Any]) -> bool:
        allowed = self.settings.allowed_groups
        return not allowed or model["admin"] or not set(allowed).isdisjoint(model["groups"])
