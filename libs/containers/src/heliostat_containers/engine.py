"""The connection to a container engine: deadlines for every call, and errors in our own words."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiodocker
import aiohttp
from aiodocker.exceptions import DockerError

from .errors import EngineError, EngineRefusedError, EngineTimeoutError, EngineUnavailableError

__all__ = ["CALL", "DEFAULT_URL", "Engine", "EngineInfo"]

DEFAULT_URL = "unix:///var/run/docker.sock"
CALL = timedelta(seconds=30)  # an engine under load takes seconds for what takes it milliseconds otherwise
CONNECT = timedelta(seconds=5)
NO_CONNECTION = 900  # what aiodocker says for a socket that nobody answers
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine is; `storage_root` is a path on its host, `platform` is as `linux/x86_64`."""

    platform: str
    storage_root: str


class Engine:
    """A connection to one engine; share it, it is safe between tasks of the loop that uses it first."""

    def __init__(self, url: str | None = None) -> None:
        self._url = url or DEFAULT_URL
        self._docker: aiodocker.Docker | None = None

    @property
    def docker(self) -> aiodocker.Docker:
        """The client, made when it is first needed: some programs also read their settings where no loop runs."""
        if self._docker is None:
            # Deadlines are `call`'s: a limit per connection would end streams of logs that are silent for a while.
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT.total_seconds())
            self._docker = aiodocker.Docker(self._url, timeout=timeout)
        return self._docker

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str | None = None) -> AsyncIterator["Engine"]:
        """Open a connection pool; `unix://`, `tcp://` and `https://` addresses. Nothing is sent yet."""
        engine = cls(url)
        try:
            yield engine
        finally:
            await engine.close()

    async def close(self) -> None:
        """Close the connections; `open` does so itself."""
        if self._docker is not None:
            await self._docker.close()
            self._docker = None

    @asynccontextmanager
    async def call(
        self, action: str, *, deadline: timedelta | None = CALL, missing: EngineError | None = None
    ) -> AsyncIterator[aiodocker.Docker]:
        """Give the client for one call, and translate what goes wrong in the block.

        Parameters
        ----------
        action
            What is done, as the verb of a sentence: "remove the image x".
        missing
            What to raise when the engine does not know the thing (404).

        Raises
        ------
        EngineUnavailableError, EngineTimeoutError, EngineRefusedError
        """
        try:
            async with asyncio.timeout(deadline.total_seconds() if deadline else None):
                yield self.docker
        except DockerError as e:
            if e.status == NO_CONNECTION:
                raise EngineUnavailableError(reason=e.message) from e
            if e.status == NOT_FOUND and missing is not None:
                raise missing from e
            raise EngineRefusedError(action=action, status=e.status, reason=e.message) from e
        except aiohttp.ClientError as e:  # before TimeoutError: aiohttp's own is both
            raise EngineUnavailableError(reason=str(e) or type(e).__name__) from e
        except TimeoutError as e:
            raise EngineTimeoutError(action=action, deadline=deadline or CONNECT) from e

    async def ping(self) -> None:
        """Ask the engine for a sign of life.

        Raises
        ------
        EngineError
        """
        async with self.call("answer", deadline=CONNECT) as docker:
            await docker.version()

    async def info(self) -> EngineInfo:
        """Ask what the engine is.

        Raises
        ------
        EngineError
        """
        async with self.call("say what it is") as docker:
            found: Mapping[str, Any] = await docker.system.info()
        return EngineInfo(platform=f"{found['OSType']}/{found['Architecture']}", storage_root=found["DockerRootDir"])
