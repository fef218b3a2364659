"""Routes of ours at the hub, in the docker runtime: volumes for sessions, and the way of servers' activity reports.

Volumes are behind a scope that only sessions' service has. A report goes on to sessions as it came, with the server's
own token, which sessions checks: servers can reach the hub and nothing else of the platform.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import httpx
from heliostat_containers import EngineError
from heliostat_runtime import RuntimeHostError, Volume, VolumeBusyError, VolumeMissingError
from jupyterhub.apihandlers.base import APIHandler
from tornado import web

from .docker_host import DockerHost

ADMIN = "custom:heliostat:admin"
STORAGE = "custom:heliostat:storage"
_LARGEST_REPORT = 64 * 1024  # bytes


class StorageHandler(APIHandler):  # type: ignore[misc]  # jupyterhub ships no types
    """What only a service, or person, with a scope may ask."""

    host: ClassVar[DockerHost]
    scopes: ClassVar[frozenset[str]] = frozenset({STORAGE})

    async def prepare(self) -> None:
        """Refuse everybody else."""
        await super().prepare()
        if self.current_user is None or not self.scopes & self.expanded_scopes:
            raise web.HTTPError(403, f"This needs one of the scopes {', '.join(sorted(self.scopes))}")

    def answer(self, value: dict[str, Any]) -> None:
        """Answer with JSON."""
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(value))


class VolumesHandler(StorageHandler):
    """All volumes, or that of one server."""

    async def get(self) -> None:
        """List; with ``user`` and ``server`` (empty: the default one) at most one."""
        user, server = self.get_argument("user", None), self.get_argument("server", "")
        with translated():
            if user is None:
                found = list(await self.host.volumes.list_())
            else:
                volume = await self.host.volumes.find(user, server)
                found = [] if volume is None else [volume]
        self.answer({"volumes": [describe_volume(volume) for volume in found]})


class VolumeHandler(StorageHandler):
    """One volume."""

    async def delete(self, volume_id: str) -> None:
        """Delete it with its files; absent is success."""
        with translated():
            await self.host.volumes.delete(volume_id)
        self.set_status(204)


class MeasurementHandler(StorageHandler):
    """How full a volume is."""

    async def get(self, volume_id: str) -> None:
        """Measure it."""
        with translated():
            measured = await self.host.volumes.measure(volume_id)
        self.answer(measured.model_dump(mode="json"))


class ServerEnforcementHandler(StorageHandler):
    """What is enforced for the server on a volume."""

    async def get(self, volume_id: str) -> None:
        """Say it; nothing for a server that does not run."""
        with translated():
            found = await self.host.read_enforcement(volume_id)
        self.answer({"enforcement": [item.model_dump(mode="json") for item in found]})


class EnforcementHandler(StorageHandler):
    """What is enforced for new servers; administrators may know it."""

    scopes: ClassVar[frozenset[str]] = frozenset({STORAGE, ADMIN})

    async def get(self) -> None:
        """Say it."""
        self.answer({"enforcement": [item.model_dump(mode="json") for item in self.host.enforcement]})


class ActivityHandler(APIHandler):  # type: ignore[misc]
    """The way of servers' reports to sessions."""

    host: ClassVar[DockerHost]

    async def post(self) -> None:
        """Hand a report on, with nothing of the request but the token and the body."""
        token = self.get_auth_token()
        if token is None or self.current_user is None:
            raise web.HTTPError(403)
        if len(self.request.body) > _LARGEST_REPORT:
            raise web.HTTPError(413, f"A report has at most {_LARGEST_REPORT} bytes")
        headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
        address = str(self.host.config.activity_url)
        try:
            answer = await self.host.relay.post(address, content=self.request.body, headers=headers)
        except httpx.HTTPError as error:
            raise web.HTTPError(503, "Activity cannot be reported now") from error
        self.set_status(answer.status_code)
        if answer.content:
            self.set_header("Content-Type", "application/json")
            self.finish(answer.content)


_VOLUME = r"/api/heliostat/volumes/([0-9a-f]{32})"
_ROUTES: tuple[tuple[str, type[StorageHandler | ActivityHandler]], ...] = (
    (r"/api/heliostat/volumes", VolumesHandler),
    (_VOLUME, VolumeHandler),
    (_VOLUME + r"/measurement", MeasurementHandler),
    (_VOLUME + r"/enforcement", ServerEnforcementHandler),
    (r"/api/heliostat/enforcement", EnforcementHandler),
    (r"/api/heliostat/activity", ActivityHandler),
)


def build_handlers(host: DockerHost) -> list[tuple[str, type[Any]]]:
    """Build the routes, below the hub's prefix; traitlets would copy a host that is given as an argument."""
    return [(path, type(handler.__name__, (handler,), {"host": host})) for path, handler in _ROUTES]


def describe_volume(volume: Volume) -> dict[str, Any]:
    """Describe a volume as sessions reads it: what the process runtime's records say, without the grant."""
    return volume.model_dump(mode="json", exclude={"grant"})


@contextmanager
def translated() -> Iterator[None]:
    """Turn what volumes and the engine say into the hub's answers."""
    try:
        yield
    except VolumeMissingError as error:
        raise web.HTTPError(404, error.message) from error
    except VolumeBusyError as error:
        raise web.HTTPError(409, error.message) from error
    except (RuntimeHostError, EngineError) as error:
        raise web.HTTPError(503, error.message) from error
