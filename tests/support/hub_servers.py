"""The servers of the fake hub: users, starts with progress streams, stops, removals, pages; and failures on demand."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

MESSAGES = ["Server requested", "Preparing the home", "Starting JupyterLab"]


@dataclass
class FakeServer:
    """One server record."""

    user: str
    name: str
    ready: bool = False
    pending: str | None = None
    started: datetime | None = None
    last_activity: datetime | None = None
    options: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"/user/{self.user}/{self.name}/" if self.name else f"/user/{self.user}/"

    def model(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ready": self.ready,
            "pending": self.pending,
            "stopped": not self.ready and self.pending is None,
            "started": self.started.isoformat() if self.started else None,
            "last_activity": self.last_activity.isoformat() if self.last_activity else None,
            "url": self.url,
            "user_options": self.options,
        }


_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class FakeServers:
    """Users and servers. ``starts``, ``stops`` and ``removals`` list what was asked for and accepted."""

    def __init__(self, app: FastAPI) -> None:
        self.users: dict[str, dict[str, FakeServer]] = {}
        self.groups: dict[str, list[str]] = {}
        self.created: dict[str, datetime] = {}
        self.starts: list[tuple[str, str, dict[str, Any]]] = []
        self.stops: list[tuple[str, str]] = []
        self.removals: list[tuple[str, str]] = []
        self.tokens: list[tuple[str, list[str]]] = []
        self.requests: Counter[str] = Counter()
        self.released = asyncio.Event()  # spawns end as soon as this is set
        self.released.set()
        self.spawn_failure: str | None = None
        self.stops_wait_for: asyncio.Barrier | None = None  # a stop is answered when so many have come
        self._failures: dict[str, list[tuple[int, str]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        app.middleware("http")(self._fail)
        app.get("/hub/api/")(lambda: {"version": "6.1"})
        app.get("/hub/api/users")(self._list)
        app.get("/hub/api/users/{user}")(self._get_user)
        app.post("/hub/api/users/{user}")(self._create_user)
        app.delete("/hub/api/users/{user}")(self._delete_user)
        app.post("/hub/api/users/{user}/tokens")(self._create_token)
        for path in ("/hub/api/users/{user}/servers/{name}", "/hub/api/users/{user}/server"):
            app.get(path)(self._get)
            app.post(path)(self._start)
            app.delete(path)(self._delete)
            app.get(f"{path}/progress")(self._progress)

    def fail_on(self, action: str, status: int, message: str = "broken", *, times: int = 1) -> None:
        """Answer the next requests of an action (a method, ``progress`` or ``tokens``) with an error."""
        self._failures.setdefault(action, []).extend([(status, message)] * times)

    def add(self, user: str, name: str | None = None, *, ready: bool = True) -> FakeServer:
        """Add a user, and a server that runs or is stopped."""
        servers = self.users.setdefault(user, {})
        now = datetime.now(UTC)
        server = FakeServer(user, name or "", ready=ready and name is not None)
        if name is not None:
            server.started, server.last_activity = (now if ready else None), now
            servers[name] = server
        return server

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _fail(self, request: Request, call_next: Any) -> Response:
        path = request.url.path
        if path.startswith("/hub/api/users"):
            last = path.rpartition("/")[2]
            action = last if last in {"progress", "tokens"} else request.method
            self.requests[action] += 1
            if self._failures.get(action):
                status, message = self._failures[action].pop(0)
                return JSONResponse({"status": status, "message": message}, status_code=status)
        response: Response = await call_next(request)
        return response

    async def _list(self, limit: int = 50, offset: int = 0) -> dict[str, Any]:
        names = sorted(self.users)
        page = [self._model(name) for name in names[offset : offset + limit]]
        following = {"offset": offset + limit, "limit": limit} if offset + limit < len(names) else None
        return {"items": page, "_pagination": {"offset": offset, "limit": limit, "next": following}}

    async def _get_user(self, user: str) -> Any:
        return self._model(user) if user in self.users else _not_found()

    async def _create_user(self, user: str) -> Any:
        if user in self.users:
            return JSONResponse({"status": 409, "message": f"User {user} already exists"}, status_code=409)
        self.users[user] = {}
        self.created[user] = datetime.now(UTC)
        return JSONResponse(self._model(user), status_code=201)

    async def _delete_user(self, user: str) -> Response:
        return Response(status_code=204) if self.users.pop(user, None) is not None else _not_found()

    async def _create_token(self, user: str, request: Request) -> Any:
        if user not in self.users:
            return JSONResponse({"status": 403, "message": "no permission"}, status_code=403)
        self.tokens.append((user, (await request.json())["scopes"]))
        return JSONResponse({"token": f"hub-token-{len(self.tokens)}"}, status_code=201)

    async def _get(self, user: str, name: str = "") -> Any:
        server = self.users.get(user, {}).get(name)
        return server.model() if server else _not_found()

    async def _start(self, user: str, request: Request, name: str = "") -> Any:
        if user not in self.users:
            return _not_found()
        server = self.users[user].setdefault(name, FakeServer(user, name))
        if server.ready or server.pending == "stop":
            return JSONResponse({"status": 400, "message": f"{name} is already running"}, status_code=400)
        if server.pending == "spawn":
            return Response(status_code=202)
        server.options = (await request.json())["user_options"]
        server.pending, server.failure, server.ended = "spawn", None, asyncio.Event()
        server.started = server.last_activity = datetime.now(UTC)
        self.starts.append((user, name, server.options))
        task = asyncio.create_task(self._spawn(server), name=f"fake spawn {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Response(status_code=202)

    async def _spawn(self, server: FakeServer) -> None:
        await self.released.wait()
        if server.pending != "spawn":
            return
        server.pending, server.failure, server.ready = None, self.spawn_failure, self.spawn_failure is None
        if self.spawn_failure:
            server.started = None
        server.ended.set()

    async def _delete(self, user: str, request: Request, name: str = "") -> Response:
        server = self.users.get(user, {}).get(name)
        remove = bool(await request.body()) and bool((await request.json()).get("remove"))
        if server is None:
            return _not_found()
        if server.pending == "spawn" and not remove:
            return JSONResponse({"status": 400, "message": "it is pending spawn"}, status_code=400)
        server.ready, server.pending, server.started = False, None, None
        server.failure = server.failure or "stopped"
        server.ended.set()
        if remove:
            self.removals.append((user, name))
            del self.users[user][name]
        else:
            if self.stops_wait_for is not None:
                await self.stops_wait_for.wait()
            self.stops.append((user, name))
        return Response(status_code=204)

    async def _progress(self, user: str, name: str = "") -> Any:
        server = self.users.get(user, {}).get(name)
        if server is None:
            return _not_found()
        if server.pending != "spawn" and not server.ready and server.failure is None:
            return JSONResponse({"status": 400, "message": f"{name} is not starting..."}, status_code=400)
        return StreamingResponse(_tell(server), media_type="text/event-stream")

    def _model(self, user: str) -> dict[str, Any]:
        servers = {name: server.model() for name, server in self.users[user].items()}
        created = self.created.get(user, _LONG_AGO).isoformat()
        return {"name": user, "groups": self.groups.get(user, []), "servers": servers, "created": created}


async def _tell(server: FakeServer) -> AsyncIterator[bytes]:
    for number, message in enumerate(MESSAGES):
        yield _encode({"progress": number * 30, "message": message})
    if server.pending == "spawn":
        await server.ended.wait()
    if server.ready:
        yield _encode({"progress": 100, "ready": True, "message": f"Server ready at {server.url}", "url": server.url})
    else:
        yield _encode({"progress": 100, "failed": True, "message": f"Spawn failed: {server.failure}"})


def _encode(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def _not_found() -> JSONResponse:
    return JSONResponse({"status": 404, "message": None}, status_code=404)
