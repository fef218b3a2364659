"""Asking a registry, and saying who we are: at once (basic), or with a token where the registry wants one (bearer)."""

import asyncio
import base64
import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from .registry_errors import RegistryDeniedError, RegistryRefusedError, RegistryUnavailableError

__all__ = ["Credentials", "RegistryClient"]

CALL = timedelta(seconds=30)
LARGEST = 4 * 2**20  # bytes of a manifest, the size registries agree on
TYPES = ("application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to a registry; the password is in no representation of this."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    challenge: str
    body: bytes


class RegistryClient:
    """Sends requests to one registry."""

    def __init__(self, *, client: httpx.AsyncClient, host: str, credentials: Credentials | None) -> None:
        self._client = client
        self._host = host
        self._basic = _build_basic(credentials) if credentials else None

    async def ask(self, method: str, path: str, *, action: str) -> bytes | None:
        """Return the body of the answer; None is a 404. `action` is what it is for, as a verb.

        Raises
        ------
        RegistryError
        """
        answer = await self._send(method, path, authorization=self._basic)
        if answer.status == httpx.codes.UNAUTHORIZED and answer.challenge.lower().startswith("bearer "):
            token = await self._fetch_token(dict(_PARAMETER.findall(answer.challenge)), action)
            answer = await self._send(method, path, authorization=f"Bearer {token}")
        if answer.status == httpx.codes.NOT_FOUND:
            return None
        if answer.status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise RegistryDeniedError(host=self._host, action=action)
        if not httpx.codes.is_success(answer.status):
            raise RegistryRefusedError(host=self._host, action=action, status=answer.status)
        return answer.body

    async def _fetch_token(self, challenge: dict[str, str], action: str) -> str:
        """Get a token where the registry sends us; our password goes there only when that is as safe as here."""
        realm = challenge.get("realm", "")
        if self._client.base_url.scheme == "https" and urlsplit(realm).scheme != "https":
            raise RegistryDeniedError(host=self._host, action=action)
        wanted = {key: value for key, value in challenge.items() if key in {"service", "scope"}}
        answer = await self._send("GET", realm, authorization=self._basic, params=wanted)
        if not httpx.codes.is_success(answer.status):
            raise RegistryDeniedError(host=self._host, action=action)
        try:
            document = json.loads(answer.body)
            return str(document.get("token") or document["access_token"])
        except (ValueError, KeyError, AttributeError) as e:
            raise RegistryUnavailableError(host=self._host, reason="it said where tokens are, and none are") from e

    async def _send(
        self, method: str, url: str, *, authorization: str | None, params: dict[str, str] | None = None
    ) -> _Answer:
        headers = {"Accept": ", ".join(TYPES), "Accept-Encoding": "identity"}
        if authorization:
            headers["Authorization"] = authorization
        try:
            async with (
                asyncio.timeout(CALL.total_seconds()),
                self._client.stream(method, url, headers=headers, params=params) as response,
            ):
                body = b""
                async for block in response.aiter_bytes():
                    body += block
                    if len(body) > LARGEST:
                        raise RegistryUnavailableError(host=self._host, reason=f"it sent more than {LARGEST} bytes")
                return _Answer(response.status_code, response.headers.get("WWW-Authenticate", ""), body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as e:
            raise RegistryUnavailableError(host=self._host, reason=str(e) or type(e).__name__) from e


def _build_basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
