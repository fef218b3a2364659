"""The hub's shares, read and changed with the rights of whoever asks: this service itself holds no scope for them."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
from heliostat_core.auth import HubUnavailableError
from heliostat_core.errors import NotFoundError

from ..domain.shares import Guest, Share
from ..errors import GuestUnknownError, HubRefusedError, ShareScopeMissingError

_PAGE = 200  # the hub gives no more at once
_SCOPE_WORDS = ("requires any of", "permission to grant", "Need scope")  # of 403s that are not policy's


class HubShareClient:
    """Reads, grants and revokes access to servers.

    Parameters
    ----------
    client
        HTTP client whose base URL is the hub's REST API; sends no token of its own.
    """

    def __init__(self, *, client: httpx.AsyncClient) -> None:
        self._client = client

    async def list_of_server(self, owner: str, name: str, *, token: str) -> list[Share]:
        """List who may use a server."""
        return [share async for share in self._list(_share_path(owner, name), token, what=name)]

    async def list_with_user(self, user: str, *, token: str) -> list[Share]:
        """List what others share with a user, directly or with one of their groups."""
        return [share async for share in self._list(f"/users/{quote(user, safe='')}/shared", token, what=user)]

    async def grant(self, owner: str, name: str, guest: Guest, *, token: str) -> Share:
        """Give a guest access; one who has it already keeps it.

        Raises
        ------
        GuestUnknownError
            The hub knows no such user or group.
        ShareScopeMissingError
            The token may not share.
        HubRefusedError
            The hub will not.
        """
        response = await self._send("POST", _share_path(owner, name), token, json={guest.kind: guest.name}, what=name)
        if response.status_code == httpx.codes.BAD_REQUEST:
            raise GuestUnknownError(kind=guest.kind, name=guest.name)
        return _to_share(response.json())

    async def revoke(self, owner: str, name: str, guest: Guest | None, *, token: str) -> None:
        """Take access back from one guest, or from all; who has none is fine."""
        path = _share_path(owner, name)
        if guest is None:
            await self._send("DELETE", path, token, what=name)
        else:
            await self._send("PATCH", path, token, json={guest.kind: guest.name}, what=name)

    async def _list(self, path: str, token: str, *, what: str) -> AsyncIterator[Share]:
        offset: int | None = 0
        while offset is not None:
            params = {"limit": str(_PAGE), "offset": str(offset)}
            page = (await self._send("GET", path, token, params=params, what=what)).json()
            for item in page["items"]:
                yield _to_share(item)
            following = page["_pagination"]["next"]
            offset = following["offset"] if following else None

    async def _send(self, method: str, path: str, token: str, *, what: str, **options: Any) -> httpx.Response:
        """Send a request as the holder of the token; a 400 is for the caller, other errors raise."""
        try:
            response = await self._client.request(method, path, headers={"Authorization": f"token {token}"}, **options)
        except httpx.HTTPError as error:
            raise HubUnavailableError from error
        status = response.status_code
        if response.is_success or status == httpx.codes.BAD_REQUEST:
            return response
        if status == httpx.codes.NOT_FOUND:
            raise NotFoundError(what="server", key=what)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise HubUnavailableError
        message = _read_message(response)
        if status == httpx.codes.FORBIDDEN and any(words in message for words in _SCOPE_WORDS):
            raise ShareScopeMissingError
        raise HubRefusedError(status=status, message=message)


def _share_path(owner: str, name: str) -> str:
    return f"/shares/{quote(owner, safe='')}/{quote(name, safe='')}"


def _read_message(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"


def _to_share(model: dict[str, Any]) -> Share:
    server, kind = model["server"], model["kind"]
    return Share(
        guest=Guest(kind, model[kind]["name"]),
        owner=server["user"]["name"],
        server_name=server["name"],
        ready=bool(server.get("ready")),
        url=server.get("url") or "",
        created_at=datetime.fromisoformat(model["created_at"]),
    )
