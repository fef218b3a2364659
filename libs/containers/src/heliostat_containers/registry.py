"""A client of the registry API, version 2 (the OCI distribution specification): names and manifests."""

import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from .references import split_name
from .registry_errors import RegistryUnavailableError
from .registry_http import CALL, Credentials, RegistryClient

__all__ = ["Manifest", "Registry"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a registry has under a name: the manifest's own digest, and that of the image's configuration."""

    digest: str
    image: str


class Registry:
    """One registry, or one namespace of it; share it, it is safe between tasks."""

    def __init__(
        self, *, client: RegistryClient, host: str, namespace: str = "", credentials: Credentials | None = None
    ) -> None:
        self.credentials = credentials
        self._client = client
        self.host = host
        self._namespace = namespace

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, *, credentials: Credentials | None = None, ca: Path | None = None
    ) -> AsyncIterator["Registry"]:
        """Open a connection pool; nothing is sent yet.

        Parameters
        ----------
        url
            `https://host[:port][/namespace]`, or `http://` where nobody is in between.
        ca
            PEM file of the CAs to trust instead of the system's.
        """
        parts = urlsplit(url)
        async with httpx.AsyncClient(
            base_url=f"{parts.scheme}://{parts.netloc}",
            verify=ssl.create_default_context(cafile=ca),
            timeout=CALL.total_seconds(),
        ) as http:
            client = RegistryClient(client=http, host=parts.netloc, credentials=credentials)
            yield cls(client=client, host=parts.netloc, namespace=parts.path.strip("/"), credentials=credentials)

    def build_name(self, name: str) -> str:
        """Return a name with the registry's host and namespace in front, as engines want it."""
        return "/".join(part for part in (self.host, self._namespace, name) if part)

    async def ping(self) -> None:
        """Ask whether the registry is one, and lets us in.

        Raises
        ------
        RegistryError
        """
        if await self._client.ask("GET", "/v2/", action="use it") is None:
            raise RegistryUnavailableError(host=self.host, reason="there is no registry API at this address")

    async def read_manifest(self, name: str) -> Manifest | None:
        """Return what is under a name, or None.

        Raises
        ------
        RegistryError
        """
        repository, tag = split_name(name)
        body = await self._client.ask("GET", self._build_path(repository, tag), action=f"read {name}")
        if body is None:
            return None
        try:
            image = str(json.loads(body)["config"]["digest"])
        except (ValueError, KeyError, TypeError) as e:
            raise RegistryUnavailableError(host=self.host, reason=f"no manifest of an image under {name}") from e
        # Computed, not believed: servers are started by this digest.
        return Manifest(digest=f"sha256:{hashlib.sha256(body).hexdigest()}", image=image)

    async def delete(self, name: str) -> None:
        """Delete what is under a name, with all other names of the same manifest; absent is success.

        Raises
        ------
        RegistryError
        """
        manifest = await self.read_manifest(name)
        if manifest is not None:
            path = self._build_path(split_name(name)[0], manifest.digest)
            await self._client.ask("DELETE", path, action=f"delete {name}")

    def _build_path(self, repository: str, reference: str) -> str:
        return f"/v2/{'/'.join(part for part in (self._namespace, repository) if part)}/manifests/{reference}"
