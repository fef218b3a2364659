"""The servers' host as the hub gives it: in the docker runtime only the hub has the engine, and the volumes' ledger."""

from collections.abc import Mapping
from datetime import timedelta
from time import monotonic
from typing import TypeVar

import httpx
from heliostat_core.contracts.model import Enforcement
from heliostat_runtime.volume import Volume
from pydantic import SecretStr, TypeAdapter, ValidationError
from typing_extensions import override

from .host import Host, HostError

T = TypeVar("T")

_TIMEOUT = httpx.Timeout(30, connect=3)
_MEASURING = httpx.Timeout(120, connect=3)  # an engine's own volumes are measured by walking through their files
_KNOWN_FOR = timedelta(minutes=1)
_VOLUMES: TypeAdapter[tuple[Volume, ...]] = TypeAdapter(tuple[Volume, ...])
_ENFORCEMENT = TypeAdapter(list[Enforcement])


class HubHost(Host):
    """Asks the hub's plugin, with this service's token.

    Parameters
    ----------
    client
        Client of the hub's REST API.
    token
        This service's token, which has the plugin's scope for storage.
    """

    def __init__(self, *, client: httpx.AsyncClient, token: SecretStr) -> None:
        self._client = client
        self._token = token
        self._unenforced: tuple[str, ...] = ()
        self._known_until = 0.0

    @override
    async def list_unenforced(self) -> tuple[str, ...]:
        if monotonic() >= self._known_until:
            found = _read(_ENFORCEMENT, await self._ask("GET", "enforcement"), "enforcement")
            self._unenforced = tuple(item.resource for item in found if not item.enforced)
            self._known_until = monotonic() + _KNOWN_FOR.total_seconds()
        return self._unenforced

    @override
    async def list_volumes(self) -> tuple[Volume, ...]:
        return _read(_VOLUMES, await self._ask("GET", "volumes"), "volumes")

    @override
    async def find_volume(self, user: str, name: str) -> Volume | None:
        response = await self._ask("GET", "volumes", params={"user": user, "server": name})
        found: tuple[Volume, ...] = _read(_VOLUMES, response, "volumes")
        return found[0] if found else None

    @override
    async def delete_volume(self, volume_id: str) -> None:
        await self._ask("DELETE", f"volumes/{volume_id}")

    @override
    async def measure(self, volume_id: str) -> tuple[int, int] | None:
        response = await self._ask("GET", f"volumes/{volume_id}/measurement", timeout=_MEASURING)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        measured = response.json()
        return int(measured["used"]), int(measured["limit"])

    @override
    async def read_enforcement(self, volume_id: str) -> list[Enforcement]:
        try:
            response = await self._ask("GET", f"volumes/{volume_id}/enforcement")
        except HostError:
            return []
        return [] if response.is_error else _read(_ENFORCEMENT, response, "enforcement")

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        timeout: httpx.Timeout = _TIMEOUT,  # noqa: ASYNC109  of the connection, httpx's own
    ) -> httpx.Response:
        """Ask; 404 is for the caller, anything else that is wrong raises."""
        headers = {"Authorization": f"token {self._token.get_secret_value()}"}
        try:
            response = await self._client.request(
                method, f"/heliostat/{path}", params=params, headers=headers, timeout=timeout
            )
        except httpx.HTTPError as error:
            raise HostError(f"The hub cannot be asked about storage: {type(error).__name__}") from error
        if response.is_error and response.status_code != httpx.codes.NOT_FOUND:
            raise HostError(f"The hub cannot do it with storage now: {_read_message(response)}")
        return response


def _read(adapter: TypeAdapter[T], response: httpx.Response, name: str) -> T:
    try:
        return adapter.validate_python(response.json()[name], strict=False)
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise HostError(
            f"The hub answers about storage what nobody understands (status {response.status_code})"
        ) from error


def _read_message(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"
