"""Signing browsers in through the hub."""

import secrets
from urllib.parse import unquote, urlsplit

from heliostat_core.auth import Authenticator

from ..config import BASE_PATH
from ..domain.cookies import BrowserSession, Cookies, LoginState
from ..errors import LoginFailedError
from ..storage.hub_oauth import HubOAuthClient


class LoginService:
    """Begins and finishes sign-ins."""

    def __init__(self, *, oauth: HubOAuthClient, authenticator: Authenticator, cookies: Cookies) -> None:
        self._oauth = oauth
        self._authenticator = authenticator
        self._cookies = cookies

    def begin(self, target: str) -> tuple[str, LoginState]:
        """Begin a sign-in: where to send the browser, and what to remember meanwhile."""
        state = LoginState(
            state=secrets.token_urlsafe(24), verifier=secrets.token_urlsafe(48), next=_check_target(target)
        )
        return self._oauth.build_authorize_url(state=state.state, verifier=state.verifier), state

    async def finish(self, *, code: str, state: str, remembered: LoginState | None) -> tuple[BrowserSession, str]:
        """Finish a sign-in: the browser's session, and where it wanted to go.

        Raises
        ------
        LoginFailedError
            It did not begin here.
        """
        if remembered is None or not secrets.compare_digest(remembered.state.encode(), state.encode()):
            raise LoginFailedError
        token = await self._oauth.read_token(code=code, verifier=remembered.verifier)
        user = await self._authenticator.authenticate(token, fresh=True)
        return BrowserSession(token=token, user=user.name), remembered.next


def _check_target(target: str) -> str:
    """Keep a target inside this service; anything else becomes its first page."""
    parts = urlsplit(target)
    climbs = any(unquote(segment) in {".", ".."} for segment in parts.path.split("/"))
    inside = not parts.scheme and not parts.netloc and target.startswith(BASE_PATH) and not climbs
    return target if inside and "\\" not in target and target.isprintable() else BASE_PATH
