"""A small JupyterHub on loopback for the services' tests; real hubs are the e2e tests' work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Header, Response

from tests.support.hub_servers import FakeServers
from tests.support.hub_shares import FakeShares
from tests.support.server import serving

LAUNCH_SCOPES = ["custom:heliostat:launch", "access:services"]
ADMIN_SCOPES = ["custom:heliostat:admin", *LAUNCH_SCOPES]


class FakeHub:
    """Answers ``GET /hub/api/user`` for the tokens it was given; ``servers`` and ``shares`` are the rest of its API."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.tokens: dict[str, dict[str, object]] = {}
        self.url = ""
        self.down = False
        self.app.get("/hub/api/user")(self._get_user)
        self.servers = FakeServers(self.app)
        self.shares = FakeShares(self)

    def add_user(self, name: str, *, admin: bool = False, groups: tuple[str, ...] = ()) -> dict[str, str]:
        """Add a user and return the headers that sign in as them."""
        token = f"token-of-{name}"
        scopes = ADMIN_SCOPES if admin else LAUNCH_SCOPES
        self.tokens[token] = {"kind": "user", "name": name, "groups": list(groups), "scopes": scopes}
        return {"Authorization": f"Bearer {token}"}

    def add_server(self, user: str, name: str) -> dict[str, str]:
        """Add the token of one user server and return its headers."""
        token = f"token-of-server-{user}-{name}"
        scopes = [
            f"access:servers!server={user}/{name}",
            "access:services!service=binder",
            f"users:activity!user={user}",
        ]
        self.tokens[token] = {"kind": "user", "name": user, "groups": [], "scopes": scopes}
        return {"Authorization": f"Bearer {token}"}

    async def _get_user(self, response: Response, authorization: str = Header(default="")) -> object:
        if self.down:
            response.status_code = 503
            return {}
        model = self.tokens.get(authorization.partition(" ")[2])
        if model is None:
            response.status_code = 403
            return {"status": 403, "message": "Missing or invalid credentials."}
        return model


@asynccontextmanager
async def running_hub() -> AsyncIterator[FakeHub]:
    """Serve a fake hub on loopback."""
    hub = FakeHub()
    async with serving(hub.app) as url:
        hub.url = f"{url}/hub/api"
        try:
            yield hub
        finally:
            await hub.servers.close()
