"""What this service's cookies hold. They are encrypted, so a browser's disk holds no usable token in the clear."""

import base64
import hashlib
import hmac
from datetime import timedelta

from cryptography.fernet import Fernet, InvalidToken
from pydantic import BaseModel, ValidationError

STATE_LIFETIME = timedelta(minutes=10)
"""A sign-in that takes longer begins anew."""

SESSION_LIFETIME = timedelta(days=1)
"""Then the browser is sent to the hub again, which need not ask for anything while its own sign-in holds."""


class LoginState(BaseModel):
    """A sign-in under way: what the hub must send back, the PKCE verifier, and where to go afterwards."""

    state: str
    verifier: str
    next: str


class BrowserSession(BaseModel):
    """A signed-in browser: its token at the hub, and whose it is.

    The CSRF token is made from the user alone: a browser signs in again whenever another tab, or the hub's home page,
    needs it to, and pages that were opened before must stay good.
    """

    token: str
    user: str


class Cookies:
    """Writes and reads cookies.

    Parameters
    ----------
    secret
        Secret of all replicas.
    """

    def __init__(self, *, secret: str) -> None:
        self._key = hashlib.sha256(b"heliostat cookies\0" + secret.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(self._key))

    def write(self, value: LoginState | BrowserSession) -> str:
        """Encrypt a value."""
        return self._fernet.encrypt(value.model_dump_json().encode()).decode()

    def read_state(self, text: str | None) -> LoginState | None:
        """Read a sign-in; None when it is not one of ours or too old."""
        data = self._read(text, STATE_LIFETIME)
        try:
            return LoginState.model_validate_json(data) if data else None
        except ValidationError:
            return None

    def read_session(self, text: str | None) -> BrowserSession | None:
        """Read a signed-in browser; None when it is not one of ours or too old."""
        data = self._read(text, SESSION_LIFETIME)
        try:
            return BrowserSession.model_validate_json(data) if data else None
        except ValidationError:
            return None

    def build_csrf_token(self, session: BrowserSession) -> str:
        """Build the token that a changing request of this user's browsers has to carry."""
        return hmac.new(self._key, b"csrf\0" + session.user.encode(), "sha256").hexdigest()

    def is_csrf_token(self, session: BrowserSession, token: str | None) -> bool:
        """Whether a request carries the token of its browser."""
        return hmac.compare_digest(self.build_csrf_token(session).encode(), (token or "").encode())

    def _read(self, text: str | None, lifetime: timedelta) -> bytes | None:
        try:
            return self._fernet.decrypt((text or "").encode(), ttl=int(lifetime.total_seconds()))
        except InvalidToken:
            return None
