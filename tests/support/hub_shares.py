"""The shares of the fake hub: the owner, and only with a token of theirs, gives users and groups access."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastapi import Header, Request, Response
from fastapi.responses import JSONResponse

if TYPE_CHECKING:
    from tests.support.hub import FakeHub

ServerKey = tuple[str, str]
Guest = tuple[str, str]


@dataclass
class FakeShares:
    """Who may use which server. ``limited`` are tokens without the scopes for sharing."""

    hub: "FakeHub"
    granted: dict[ServerKey, list[Guest]] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    limited: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        app = self.hub.app
        for path in ("/hub/api/shares/{owner}/{name}", "/hub/api/shares/{owner}/"):
            app.get(path)(self._list)
            app.post(path)(self._grant)
            app.patch(path)(self._revoke)
            app.delete(path)(self._revoke_all)
        app.get("/hub/api/users/{user}/shared")(self._list_with)

    async def _list(self, owner: str, name: str = "", authorization: str = Header()) -> Any:
        return self._forbid(owner, name, authorization) or _page(
            [self._model((owner, name), guest) for guest in self.granted.get((owner, name), [])]
        )

    async def _list_with(self, user: str) -> Any:
        groups = self.hub.servers.groups.get(user, [])
        mine = {("user", user), *(("group", group) for group in groups)}
        found = [(key, guest) for key, guests in self.granted.items() for guest in guests if guest in mine]
        return _page([self._model(key, guest) for key, guest in found])

    async def _grant(self, owner: str, request: Request, name: str = "", authorization: str = Header()) -> Any:
        if refusal := self._forbid(owner, name, authorization, changes=True):
            return refusal
        ((kind, guest),) = (await request.json()).items()
        if guest not in (self.hub.servers.users if kind == "user" else self.groups):
            return _refuse(400, f"No such {kind}: {guest}")
        guests = self.granted.setdefault((owner, name), [])
        if (kind, guest) not in guests:
            guests.append((kind, guest))
        return self._model((owner, name), (kind, guest))

    async def _revoke(self, owner: str, request: Request, name: str = "", authorization: str = Header()) -> Any:
        if refusal := self._forbid(owner, name, authorization, changes=True):
            return refusal
        ((kind, guest),) = (await request.json()).items()
        guests = self.granted.get((owner, name), [])
        if (kind, guest) in guests:
            guests.remove((kind, guest))
        return {}

    async def _revoke_all(self, owner: str, name: str = "", authorization: str = Header()) -> Response:
        if refusal := self._forbid(owner, name, authorization, changes=True):
            return refusal
        self.granted.pop((owner, name), None)
        return Response(status_code=204)

    def _forbid(self, owner: str, name: str, authorization: str, *, changes: bool = False) -> Response | None:
        token = authorization.partition(" ")[2]
        model = self.hub.tokens.get(token, {})
        if model.get("name") != owner and "custom:heliostat:admin" not in str(model.get("scopes")):
            return _refuse(404, None)
        if changes and token in self.limited:
            return _refuse(403, "Action is not authorized with current scopes; requires any of [shares]")
        return (
            None if name in self.hub.servers.users.get(owner, {}) else _refuse(404, f"No such server: {owner}/{name}")
        )

    def _model(self, key: ServerKey, guest: Guest) -> dict[str, Any]:
        (owner, name), (kind, guest_name) = key, guest
        server = self.hub.servers.users[owner][name]
        return {
            "server": {"user": {"name": owner}, "name": name, "url": server.url, "ready": server.ready},
            "scopes": [f"access:servers!server={owner}/{name}"],
            "user": {"name": guest_name} if kind == "user" else None,
            "group": {"name": guest_name} if kind == "group" else None,
            "kind": kind,
            "created_at": datetime(2026, 11, 23, tzinfo=UTC).isoformat(),
        }


def _page(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"items": items, "_pagination": {"offset": 0, "limit": 200, "total": len(items), "next": None}}


def _refuse(status: int, message: str | None) -> JSONResponse:
    return JSONResponse({"status": status, "message": message}, status_code=status)
