"""`jupyterhub.httpclient.fetch` for what servers ask of their hub, by the HTTP client that they have already."""

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders

NAME = "jupyterhub.httpclient"

_CONNECT = 20.0  # seconds
_DEADLINE = 60.0


class Answer:
    """What callers read of aiohttp's answers."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status: int = response.code
        self.reason: str = response.reason
        self.headers: HTTPHeaders = response.headers
        self._body: bytes = response.body

    async def text(self) -> str:
        """Return the body."""
        return self._body.decode()


async def fetch(
    url: str,
    *,
    method: str = "GET",
    raise_for_status: bool = True,
    headers: Mapping[str, str] | None = None,
    data: bytes | str | None = None,
    **others: Any,
) -> Any:
    """Make a request; what is not plain HTTP, or is asked for with other options, JupyterHub's own client makes."""
    if others or not url.startswith("http://"):
        real = _import_real()
        return await real.fetch(
            url, method=method, raise_for_status=raise_for_status, headers=headers, data=data, **others
        )
    request = HTTPRequest(
        url,
        method=method,
        headers=dict(headers or {}),
        body=data,
        allow_nonstandard_methods=True,  # with a body or without, as aiohttp
        connect_timeout=_CONNECT,
        request_timeout=_DEADLINE,
    )
    return Answer(await AsyncHTTPClient().fetch(request, raise_error=raise_for_status))


def find(name: str) -> Any:
    """Look up what else the module has, as its ``__getattr__``."""
    if name.startswith("__"):  # asked by the import system, of any module
        raise AttributeError(name)
    return getattr(_import_real(), name)


def _import_real() -> Any:
    if getattr(sys.modules.get(NAME), "fetch", None) is fetch:
        del sys.modules[NAME]
    return importlib.import_module(NAME)
