"""Asking the API of a provider: bounded in time, in size and in redirects, and every answer judged."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from ..errors import (
    RateLimitedError,
    RepositoryNotFoundError,
    RepositoryPrivateError,
    UpstreamError,
    UpstreamTimeoutError,
)
from ..metrics import BuilderMetrics
from .ratelimits import is_rate_limited, note_rate, read_reset

Document = TypeVar("Document", bound=BaseModel)

_HOPS = 5
_DEADLINE = timedelta(seconds=30)
_PART_SECONDS = 20
_PART_TIME = httpx.Timeout(_PART_SECONDS, connect=10)
_LARGEST = 16 * 2**20
_ABSENT = (404, 410)
_CLOSED = (401, 403)

UNCOMPRESSED = {"Accept-Encoding": "identity"}
"""Compression, twice over, makes gigabytes of a few kilobytes, and httpx unpacks them at once."""


@dataclass(frozen=True, slots=True)
class Reply(Generic[Document]):
    """What an API answered, and the tag with which to ask next time; no document means it is still the same."""

    document: Document | None
    etag: str | None


class Upstream:
    """GETs of one provider.

    Parameters
    ----------
    provider
        Its prefix, for metrics.
    headers
        Sent with every request to the API itself; httpx drops credentials where a redirect leaves its host.
    """

    def __init__(
        self,
        *,
        provider: str,
        client: httpx.AsyncClient,
        metrics: BuilderMetrics,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._provider = provider
        self._client = client
        self._metrics = metrics
        self._headers = {"User-Agent": "Heliostat", **(headers or {})}

    async def read(self, model: type[Document], url: str, *, of: str) -> Document:
        """Read one document; ``of`` is what errors call the thing that was asked about.

        Raises
        ------
        RepositoryNotFoundError, RepositoryPrivateError, RateLimitedError, UpstreamError, UpstreamTimeoutError,
        AddressRefusedError
            It is not had.
        """
        document = (await self.ask(model, url, of=of, etag=None)).document
        if document is None:
            raise UpstreamError(host=httpx.URL(url).host, reason="it answers that nothing has changed")
        return document

    async def ask(self, model: type[Document], url: str, *, of: str, etag: str | None) -> Reply[Document]:
        """Read one document if it is another than the one with this tag, raising as `read` does.

        A tag means something at the address it came from only, so it is neither kept nor sent where a redirect led.
        """
        headers = {"Accept": "application/json", **UNCOMPRESSED} | ({"If-None-Match": etag} if etag is not None else {})
        async with self.open(url, of=of, headers=headers) as response:
            tag = response.headers.get("etag") if response.url == httpx.URL(url) else None
            if response.status_code == httpx.codes.NOT_MODIFIED:
                return Reply(document=None, etag=tag or etag)
            check_uncompressed(response)
            body = await _read_body(response)
        try:
            return Reply(document=model.model_validate_json(body), etag=tag)
        except ValidationError as error:
            raise UpstreamError(
                host=response.url.host, reason="its answer is not of the form that its API documents"
            ) from error

    @asynccontextmanager
    async def open(
        self,
        url: str,
        *,
        of: str,
        headers: Mapping[str, str] | None = None,
        deadline: timedelta = _DEADLINE,
        stop: re.Pattern[str] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """Ask, following redirects, and give an answer that is no error and whose body is still to be read.

        A redirect to a path that ``stop`` matches is as far as it goes; the answer then has that address, and no body.

        Raises
        ------
        HeliostatError
            As for `read`.
        """
        host = read_host(url)
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                response = await self._follow(url, headers or {}, stop)
                try:
                    host = response.url.host
                    note_rate(response, provider=self._provider, metrics=self._metrics)
                    _judge(response, of)
                    yield response
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise UpstreamTimeoutError(host=host, seconds=deadline.total_seconds()) from error
        except httpx.TimeoutException as error:
            raise UpstreamTimeoutError(host=host, seconds=_PART_SECONDS) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise UpstreamError(host=host, reason=str(error)[:200] or "the connection broke off") from error

    async def _follow(self, url: str, headers: Mapping[str, str], stop: re.Pattern[str] | None) -> httpx.Response:
        request: httpx.Request | None = self._client.build_request(
            "GET", url, headers={**self._headers, **headers}, timeout=_PART_TIME
        )
        for _ in range(_HOPS + 1):
            assert request is not None  # noqa: S101 a redirect has a next request
            response = await self._client.send(request, stream=True)
            if not response.has_redirect_location:
                return response
            await response.aclose()
            request = response.next_request
            if request is not None and stop is not None and stop.fullmatch(request.url.path):
                return httpx.Response(200, request=request)
            if request is not None:
                request.headers.pop("If-None-Match", None)
        raise UpstreamError(host=response.url.host, reason=f"it redirects more than {_HOPS} times")


def read_host(url: str) -> str:
    """Read the host of an address that somebody else wrote, for messages."""
    try:
        return httpx.URL(url).host or "the host"
    except httpx.InvalidURL:
        return "the host"


def check_uncompressed(response: httpx.Response) -> None:
    """Refuse a body that is compressed though `UNCOMPRESSED` was asked for; raise UpstreamError."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise UpstreamError(host=response.url.host, reason="it compresses what it was asked not to")


async def _read_body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > _LARGEST:
            raise UpstreamError(host=response.url.host, reason="its answer is too long")
    return bytes(body)


def _judge(response: httpx.Response, of: str) -> None:
    status = response.status_code
    if response.is_success or status == httpx.codes.NOT_MODIFIED:
        return
    if is_rate_limited(response):
        raise RateLimitedError(host=response.url.host, reset=read_reset(response))
    if status in _ABSENT:
        raise RepositoryNotFoundError(url=of)
    if status in _CLOSED:
        raise RepositoryPrivateError(url=of)
    raise UpstreamError(host=response.url.host, reason=f"it answered with status {status}")
