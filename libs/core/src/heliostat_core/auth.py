"""Who calls: users and servers by JupyterHub tokens, other services by their own tokens.

Tokens of users and servers are verified at the hub (``GET /hub/api/user`` with the caller's own token) and the answer
is kept for half a minute under a digest of the token. Tokens of services are compared with configured digests, so that
the services can talk while the hub restarts. A token is never logged, stored, or put into an event.
"""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from time import monotonic
from typing import Literal

import httpx

from .config import CallerConfig
from .errors import ForbiddenError, UnauthenticatedError, UnavailableError

CACHE_TIME = timedelta(seconds=30)
_CACHE_SIZE = 4096
_ADMIN = "custom:heliostat:admin"
_LAUNCH = "custom:heliostat:launch"


class Scope(StrEnum):
    """What a caller may do. Users hold the custom scopes through hub roles; services get theirs by configuration."""

    LAUNCH = _LAUNCH
    ADMIN = _ADMIN
    REPORT_ACTIVITY = "report-activity"
    BUILD = "build"
    DECIDE = "decide"


class HubUnavailableError(UnavailableError):
    """The hub does not answer, so a token cannot be verified or a server not be managed."""

    code = "hub_unavailable"

    def __init__(self) -> None:
        super().__init__("JupyterHub cannot be reached", remedy="Try again in a moment.")


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller.

    ``server`` is set for the token of one user server: it may report on that server and do nothing else for its user.
    """

    kind: Literal["user", "service", "server"]
    name: str
    scopes: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    server: tuple[str, str] | None = None

    @property
    def admin(self) -> bool:
        """Whether the caller may see and do everything."""
        return Scope.ADMIN in self.scopes

    def require(self, scope: Scope) -> None:
        """Raise ForbiddenError unless the caller holds the scope; administrators may also launch."""
        if scope in self.scopes or (scope is Scope.LAUNCH and self.admin):
            return
        raise ForbiddenError(scope=scope.value)


class Authenticator:
    """Turns a token into a principal.

    Parameters
    ----------
    hub
        HTTP client whose base URL is the hub's REST API; sends no token of its own.
    service
        Name of this service in the hub; a caller's token must give access to it.
    callers
        Services that may call.
    """

    def __init__(self, *, hub: httpx.AsyncClient, service: str, callers: Sequence[CallerConfig]) -> None:
        self._hub = hub
        self._service = service
        self._callers = callers
        self._cache: OrderedDict[bytes, tuple[float, Principal | None]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Lock] = {}

    async def authenticate(self, token: str | None, *, fresh: bool = False) -> Principal:
        """Verify a token; ``fresh`` asks the hub whatever is remembered.

        Raises
        ------
        UnauthenticatedError
            No token, or nobody's.
        ForbiddenError
            The token does not give access to this service.
        HubUnavailableError
            The hub does not answer.
        """
        if not token or not token.isascii():
            raise UnauthenticatedError
        digest = hashlib.sha256(token.encode()).digest()
        for caller in self._callers:
            if hmac.compare_digest(digest.hex(), caller.token_sha256):
                return Principal(kind="service", name=caller.name, scopes=caller.scopes)
        principal = await self._remembered(digest, token, fresh=fresh)
        if principal is None:
            raise UnauthenticatedError
        return principal

    async def _remembered(self, digest: bytes, token: str, *, fresh: bool) -> Principal | None:
        # One question to the hub per token at a time: a burst of requests with one token waits for the first answer.
        lock = self._asking.setdefault(digest, asyncio.Lock())
        try:
            async with lock:
                known = self._cache.get(digest)
                if known is not None and not fresh and known[0] > monotonic():
                    return known[1]
                principal = await self._ask(token)
                self._cache[digest] = (monotonic() + CACHE_TIME.total_seconds(), principal)
                self._cache.move_to_end(digest)
                while len(self._cache) > _CACHE_SIZE:
                    self._cache.popitem(last=False)
                return principal
        finally:
            if not lock.locked():
                self._asking.pop(digest, None)

    async def _ask(self, token: str) -> Principal | None:
        try:
            response = await self._hub.get("/user", headers={"Authorization": f"token {token}"})
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise HubUnavailableError from error
        if response.status_code in {401, 403}:
            return None
        if response.status_code != httpx.codes.OK:
            raise HubUnavailableError
        return self._to_principal(response.json())

    def _to_principal(self, model: dict[str, object]) -> Principal:
        scopes = frozenset(str(scope) for scope in model.get("scopes") or ())  # type: ignore[attr-defined]
        name = str(model.get("name"))
        if not any(scope in scopes for scope in ("access:services", f"access:services!service={self._service}")):
            raise ForbiddenError(scope=f"access:services!service={self._service}")
        groups = tuple(str(group) for group in model.get("groups") or ())  # type: ignore[attr-defined]
        server = _server_of(scopes)
        # Access to a server that somebody shares does not make its holder that server: a server's token is its owner's.
        if server is not None and server[0] == name and _LAUNCH not in scopes and _ADMIN not in scopes:
            return Principal(kind="server", name=name, scopes=frozenset({Scope.REPORT_ACTIVITY}), server=server)
        kind: Literal["user", "service"] = "service" if model.get("kind") == "service" else "user"
        return Principal(kind=kind, name=name, scopes=scopes, groups=groups)


def _server_of(scopes: frozenset[str]) -> tuple[str, str] | None:
    """Find the one server a server token is bound to: the hub gives it ``access:servers!server=user/name``."""
    prefix = "access:servers!server="
    servers = [scope.removeprefix(prefix) for scope in scopes if scope.startswith(prefix)]
    if len(servers) != 1:
        return None
    user, _, name = servers[0].partition("/")
    return user, name


def read_token(authorization: str | None) -> str | None:
    """Read the token of an ``Authorization: Bearer`` or ``token`` header."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() in {"bearer", "token"} and token.strip() else None
