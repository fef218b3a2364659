"""The hub's REST API, as far as this service may use it."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import quote

import httpx
from heliostat_core.auth import HubUnavailableError
from heliostat_core.clients import load_tls_context
from pydantic import SecretStr

from ..domain.servers import HubServer, HubUser, SpawnProgress
from ..domain.urls import build_server_path
from ..errors import HubBusyError, HubRefusedError, SpawnFailedError

_PAGE = 200  # the hub gives no more at once
_COMMAND_TIMEOUT = httpx.Timeout(30, connect=3)  # the hub may hold a start back for slow_spawn_timeout, 10 s
_PROGRESS_TIMEOUT = httpx.Timeout(30, connect=3, pool=None)  # it sends something every 8 s
_PAGINATED = {"Accept": "application/jupyterhub-pagination+json"}


class HubClient:
    """Reads, starts, stops and removes servers.

    Parameters
    ----------
    commands
        Client for short requests.
    streams
        Client for progress streams: their own pool, so that slow spawns take no connection from anybody.
    """

    def __init__(self, *, commands: httpx.AsyncClient, streams: httpx.AsyncClient) -> None:
        self._commands = commands
        self._streams = streams

    @classmethod
    @asynccontextmanager
    async def open(cls, *, api: str, token: SecretStr) -> AsyncIterator[Self]:
        """Open both pools and close them on leaving."""
        headers = {"Authorization": f"token {token.get_secret_value()}"}
        commands = httpx.AsyncClient(
            base_url=api,
            headers=headers,
            timeout=_COMMAND_TIMEOUT,
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=20),
            verify=load_tls_context(),
            trust_env=False,
        )
        streams = httpx.AsyncClient(
            base_url=api,
            headers=headers,
            timeout=_PROGRESS_TIMEOUT,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            verify=load_tls_context(),
            trust_env=False,
        )
        async with commands, streams:
            yield cls(commands=commands, streams=streams)

    async def ping(self) -> None:
        """Find out whether the hub answers.

        Raises
        ------
        HubUnavailableError
            It does not.
        """
        await self._send("GET", "/")

    async def read_user(self, user: str) -> HubUser | None:
        """Read a user with all servers."""
        response = await self._send("GET", _user_path(user), params={"include_stopped_servers": "1"})
        return None if response.status_code == httpx.codes.NOT_FOUND else _to_user(response.json())

    async def create_user(self, user: str) -> None:
        """Make a user; one that is there already is refused."""
        await self._send("POST", _user_path(user))

    async def delete_user(self, user: str) -> None:
        """Delete a user; one that is not there is fine."""
        await self._send("DELETE", _user_path(user))

    async def create_token(self, user: str, *, scopes: Sequence[str], lifetime: timedelta) -> str:
        """Make a token of a user with these scopes only.

        Raises
        ------
        HubRefusedError
            The hub will not, or does not know the user.
        """
        body = {"scopes": list(scopes), "expires_in": int(lifetime.total_seconds()), "note": "Anonymous launch"}
        response = await self._send("POST", f"{_user_path(user)}/tokens", json=body)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise HubRefusedError(status=response.status_code, message="it does not know the user")
        return str(response.json()["token"])

    async def list_users(self) -> AsyncIterator[list[HubUser]]:
        """Yield all users with all servers, page by page."""
        offset: int | None = 0
        while offset is not None:
            params = {"include_stopped_servers": "1", "limit": str(_PAGE), "offset": str(offset), "sort": "id"}
            response = await self._send("GET", "/users", params=params, headers=_PAGINATED)
            page = response.json()
            yield [_to_user(item) for item in page["items"]]
            following = page["_pagination"]["next"]
            offset = following["offset"] if following else None

    async def read_server(self, user: str, name: str) -> HubServer | None:
        """Read one server; the default one is there as long as its user is."""
        found = await self.read_user(user) if not name else None
        if not name:
            return found.servers.get("") if found else None
        response = await self._send("GET", _server_path(user, name))
        return None if response.status_code == httpx.codes.NOT_FOUND else _to_server(user, response.json())

    async def start(self, user: str, name: str, *, options: Mapping[str, Any]) -> None:
        """Ask for a start; an accepted one is followed by `watch_progress`.

        Raises
        ------
        HubRefusedError
            It will not, with its reason; also when the server runs already.
        HubBusyError
            Not now.
        HubUnavailableError
            It does not answer.
        """
        response = await self._send("POST", _server_path(user, name), json={"user_options": dict(options)})
        if response.status_code == httpx.codes.NOT_FOUND:
            raise HubRefusedError(status=response.status_code, message=f"it does not know the user {user!r}")

    async def stop(self, user: str, name: str) -> bool:
        """Ask for a stop and return whether it has stopped already; one that is not there has."""
        response = await self._send("DELETE", _server_path(user, name))
        return response.status_code != httpx.codes.ACCEPTED

    async def remove(self, user: str, name: str) -> None:
        """Ask to stop and remove a named server; one that is not there is fine."""
        await self._send("DELETE", _server_path(user, name), json={"remove": True})

    async def watch_progress(self, user: str, name: str) -> AsyncGenerator[SpawnProgress]:
        """Yield what the hub says of a starting server, from the first message on; the last is ready or failed.

        Raises
        ------
        HubRefusedError
            The server is not starting.
        HubUnavailableError
            The hub went away.
        """
        try:
            async with self._streams.stream("GET", f"{_server_path(user, name)}/progress") as response:
                if response.status_code != httpx.codes.OK:
                    await response.aread()
                    _raise_for(response)
                    raise HubRefusedError(status=response.status_code, message="it does not know this server")
                async for line in response.aiter_lines():
                    if line.startswith("data:"):
                        yield _to_progress(line[5:])
        except httpx.HTTPError as error:
            raise HubUnavailableError from error

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request; 404 is for the caller, other errors raise."""
        try:
            response = await self._commands.request(method, path, **options)
        except httpx.HTTPError as error:
            raise HubUnavailableError from error
        _raise_for(response)
        return response


def _raise_for(response: httpx.Response) -> None:
    status = response.status_code
    if response.is_success or status == httpx.codes.NOT_FOUND:
        return
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise HubBusyError
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise HubUnavailableError
    raise HubRefusedError(status=status, message=_read_message(response))


def _read_message(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"


def _user_path(user: str) -> str:
    return f"/users/{quote(user, safe='')}"


def _server_path(user: str, name: str) -> str:
    return f"{_user_path(user)}/servers/{quote(name, safe='')}" if name else f"{_user_path(user)}/server"


def _to_user(model: dict[str, Any]) -> HubUser:
    servers = {name: _to_server(model["name"], server) for name, server in (model.get("servers") or {}).items()}
    return HubUser(
        name=model["name"],
        groups=tuple(model.get("groups") or ()),
        servers=servers,
        created=_to_time(model.get("created")),
    )


def _to_server(user: str, model: dict[str, Any]) -> HubServer:
    return HubServer(
        name=model["name"],
        ready=bool(model.get("ready")),
        pending=model.get("pending"),
        started=_to_time(model.get("started")),
        last_activity=_to_time(model.get("last_activity")),
        url=model.get("url") or build_server_path(user=user, name=model["name"]),
    )


def _to_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _to_progress(text: str) -> SpawnProgress:
    try:
        data = json.loads(text)
        return SpawnProgress(
            message=str(data.get("message", "")),
            progress=int(data.get("progress", 0)),
            ready=bool(data.get("ready")),
            failed=bool(data.get("failed")),
            url=data.get("url"),
        )
    except (ValueError, AttributeError, TypeError) as error:
        raise SpawnFailedError(message="JupyterHub sent a progress message that cannot be read") from error
