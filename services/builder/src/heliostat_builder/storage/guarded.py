"""An HTTP client that connects to no address but those that were checked, whatever names and redirects lead to."""

import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx
from typing_extensions import override

from .addresses import AddressGuard

_CONNECT_TIME = 10.0


def create_guarded_client(guard: AddressGuard, *, proxy: str | None) -> httpx.AsyncClient:
    """Create a client; where a proxy is configured it connects, and only the names are checked before.

    Redirects are not followed: who asks decides how far to go. Cookies are not kept: any host could fill the memory.
    """
    if proxy is None:
        return httpx.AsyncClient(transport=GuardedTransport(guard), cookies=_no_cookies())

    async def check(request: httpx.Request) -> None:
        await guard.pin(str(request.url))

    return httpx.AsyncClient(proxy=proxy, event_hooks={"request": [check]}, cookies=_no_cookies())


def _no_cookies() -> CookieJar:
    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=()))


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx's transport over a pool of httpcore whose connections are made by `_GuardedBackend`."""

    def __init__(self, guard: AddressGuard) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=20,
            max_keepalive_connections=5,
            keepalive_expiry=5,
            network_backend=_GuardedBackend(guard),
        )

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)  # noqa: S101 the client is asynchronous
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with _translated(request):
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    method=request.method,
                    url=url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Stream(response, request),
            extensions=response.extensions,
        )

    @override
    async def aclose(self) -> None:
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated(self._request):
            async for part in self._response.aiter_stream():
                yield part

    @override
    async def aclose(self) -> None:
        with _translated(self._request):
            await self._response.aclose()


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves a name, checks every address, and connects to one of them; TLS still asks for the name."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._backend = httpcore.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._guard.resolve(host, port)
        for address in addresses[:-1]:
            try:
                return await self._backend.connect_tcp(str(address), port, _CONNECT_TIME / len(addresses))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # the next address may answer
        return await self._backend.connect_tcp(str(addresses[-1]), port, timeout)

    @override
    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


@contextmanager
def _translated(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException as error:
        raise httpx.TimeoutException(str(error), request=request) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise httpx.TransportError(str(error), request=request) from error
