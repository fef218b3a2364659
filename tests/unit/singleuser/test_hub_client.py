"""Requests of servers to their hub, against a real server and beside what JupyterHub's own client does."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from heliostat_singleuser.hub_client import fetch
from jupyterhub.httpclient import JupyterHubHTTPClient
from jupyterhub.httpclient import fetch as fetch_by_aiohttp
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler


class Echo(RequestHandler):
    """Says what it was asked, with the status it is asked for."""

    async def _answer(self) -> None:
        self.set_status(int(self.get_query_argument("status", "200")))
        self.set_header("X-JupyterHub-Version", "6.1")
        asked = {"method": self.request.method, "body": self.request.body.decode()}
        sent = {name: self.request.headers.get(name) for name in ("Authorization", "Content-Type")}
        await self.finish(json.dumps(asked | sent))

    get = post = delete = _answer


@pytest.fixture
async def url() -> AsyncIterator[str]:
    (listener,) = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(Application([("/hub/api", Echo)]))
    server.add_sockets([listener])
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/hub/api"
    server.stop()
    await server.close_all_connections()
    await JupyterHubHTTPClient.loop_instance().close()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"headers": {"Authorization": "token of-ada"}},
        {"method": "POST", "data": '{"a": "\u00e4"}', "headers": {"Content-Type": "application/json"}},
        {"method": "POST", "data": b"code=1", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"method": "DELETE"},
    ],
)
@pytest.mark.parametrize("status", [200, 403, 500])
async def test_it_asks_and_answers_as_jupyterhubs_own_client(url: str, asked: dict[str, Any], status: int) -> None:
    answers = [
        await client(f"{url}?status={status}", raise_for_status=False, **asked) for client in (fetch, fetch_by_aiohttp)
    ]
    seen = [(a.status, a.headers["X-JupyterHub-Version"], json.loads(await a.text())) for a in answers]
    assert seen[0] == seen[1]


async def test_a_refusal_is_raised_unless_it_is_to_be_read(url: str) -> None:
    with pytest.raises(Exception, match="403"):
        await fetch(f"{url}?status=403")


async def test_a_hub_that_is_away_is_an_error_also_where_answers_are_read(url: str) -> None:
    with pytest.raises(OSError, match="refused"):
        await fetch("http://127.0.0.1:1/hub/api", raise_for_status=False)


async def test_what_it_cannot_do_jupyterhubs_own_client_does(url: str) -> None:
    answer = await fetch(url, params={"status": "201"})
    assert type(answer).__module__.startswith("aiohttp")
    assert answer.status == 201
