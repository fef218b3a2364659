"""HTTP with one shape of answers: models in, `CommandError` out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from heliostat_core.contracts.model import ErrorView
from pydantic import BaseModel, TypeAdapter, ValidationError

from .connection import Connection
from .errors import RefusedError, UnexpectedAnswerError, UnreachableError

T = TypeVar("T")
Params = Mapping[str, str | Sequence[str] | None]

CONNECT_TIMEOUT = timedelta(seconds=10)
SILENCE = timedelta(seconds=60)
"""No byte for this long means a lost connection; streams carry a heartbeat every 15 s."""

_FROM_PROXY = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


class HttpClient:
    """Calls the services behind one hub; paths are relative to ``<hub>/services/``."""

    def __init__(
        self, connection: Connection, *, silence: timedelta = SILENCE, connecting: timedelta = CONNECT_TIMEOUT
    ) -> None:
        self._url = connection.url
        self._client = httpx.Client(
            base_url=f"{connection.url}/services/",
            headers={"Authorization": f"Bearer {connection.token}"},
            timeout=httpx.Timeout(silence.total_seconds(), connect=connecting.total_seconds()),
            trust_env=not connection.loopback,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def request(
        self,
        method: str,
        path: str,
        answer: TypeAdapter[T],
        *,
        body: BaseModel | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Send one request and read the answer; parameters that are None are not sent.

        Raises
        ------
        RefusedError, UnreachableError, UnexpectedAnswerError
            A service refused, nothing answered, or something else did.
        """
        sent: dict[str, Any] = {"headers": headers, "params": _drop_none(params)}
        if body is not None:
            sent["json"] = body.model_dump(mode="json", exclude_none=True)
        try:
            response = self._client.request(method, path, **sent)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        self._check(response)
        return self.parse(answer, response.content)

    @contextmanager
    def stream(self, path: str, *, after: str | None) -> Iterator[Iterator[bytes]]:
        """Open a stream of server-sent events and give its bytes as they come.

        Raises
        ------
        RefusedError, UnreachableError, UnexpectedAnswerError
            As for `request`; losing the connection later is an UnreachableError too.
        """
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
        try:
            with self._client.stream("GET", path, headers=headers) as response:
                if response.is_success and not response.headers.get("content-type", "").startswith("text/event-stream"):
                    raise UnexpectedAnswerError(url=self._url, answer="it gives no stream of events")
                if not response.is_success:
                    response.read()
                self._check(response)
                yield response.iter_bytes()
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def parse(self, answer: TypeAdapter[T], content: bytes) -> T:
        """Read JSON from a service; fields that a newer service adds are passed over, and no content is null."""
        try:
            return answer.validate_json(content or b"null", extra="ignore")
        except ValidationError as error:
            raise UnexpectedAnswerError(url=self._url, answer="its JSON is another than expected") from error

    def _check(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        try:
            view = ErrorView.model_validate_json(response.content, extra="ignore")
        except ValidationError:
            if response.status_code in _FROM_PROXY:
                raise UnreachableError(url=self._url, reason=_name_status(response), sent=True) from None
            raise UnexpectedAnswerError(url=self._url, answer=_name_status(response)) from None
        raise RefusedError(view, status=response.status_code)

    def _unreachable(self, error: httpx.TransportError) -> UnreachableError:
        not_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return UnreachableError(url=self._url, reason=str(error) or type(error).__name__, sent=not not_sent)


def _name_status(response: httpx.Response) -> str:
    where = response.headers.get("location")
    return f"HTTP {response.status_code} {response.reason_phrase}" + (f" to {where}" if where else "")


def _drop_none(params: Params | None) -> dict[str, str | Sequence[str]]:
    return {name: value for name, value in (params or {}).items() if value is not None}
