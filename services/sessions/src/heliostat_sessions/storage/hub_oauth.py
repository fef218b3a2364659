"""The hub as OAuth provider: authorization code with PKCE."""

import base64
import hashlib
from urllib.parse import urlencode

import httpx
from heliostat_core.auth import HubUnavailableError
from pydantic import SecretStr

from ..errors import LoginFailedError


class HubOAuthClient:
    """Sends browsers to the hub and turns the code they come back with into a token.

    The URLs a browser sees hold no host, so the sign-in works under whichever name the hub is reached.

    Parameters
    ----------
    client
        HTTP client whose base URL is the hub's REST API.
    client_id
        This service's OAuth client.
    secret
        This service's token, which is the client's secret.
    hub_path
        Path of the hub for browsers, such as ``/hub``.
    redirect_path
        Path the hub sends browsers back to.
    """

    def __init__(
        self, *, client: httpx.AsyncClient, client_id: str, secret: SecretStr, hub_path: str, redirect_path: str
    ) -> None:
        self._client = client
        self._client_id = client_id
        self._secret = secret
        self._hub_path = hub_path
        self._redirect_path = redirect_path

    def build_authorize_url(self, *, state: str, verifier: str) -> str:
        """Build where to send a browser to sign in."""
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "client_id": self._client_id,
            "redirect_uri": self._redirect_path,
            "response_type": "code",
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self._hub_path}/api/oauth2/authorize?{urlencode(query)}"

    async def read_token(self, *, code: str, verifier: str) -> str:
        """Exchange a code.

        Raises
        ------
        LoginFailedError
            The hub does not take it.
        HubUnavailableError
            The hub does not answer.
        """
        form = {
            "client_id": self._client_id,
            "client_secret": self._secret.get_secret_value(),
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_path,
            "code_verifier": verifier,
        }
        try:
            response = await self._client.post("/oauth2/token", data=form)
        except httpx.HTTPError as error:
            raise HubUnavailableError from error
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise HubUnavailableError
        try:
            return str(response.raise_for_status().json()["access_token"])
        except (httpx.HTTPStatusError, ValueError, KeyError) as error:
            raise LoginFailedError from error
