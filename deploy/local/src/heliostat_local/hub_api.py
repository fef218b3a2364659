"""The few questions the supervisor asks over HTTP."""

from datetime import timedelta

import httpx
from heliostat_runtime.limits import Enforcement
from pydantic import TypeAdapter

from .polling import poll_until

__all__ = ["HttpProbe", "read_enforcement", "restore_routes"]

ENFORCEMENT: TypeAdapter[list[Enforcement]] = TypeAdapter(list[Enforcement])

DEADLINE = timedelta(seconds=2)
RETRY = timedelta(seconds=1)
RESTORE_DEADLINE = timedelta(seconds=30)


class HttpProbe:
    """Asks one address whether its program is ready."""

    def __init__(self, client: httpx.AsyncClient, url: str, *, token: str | None = None) -> None:
        self._client = client
        self._url = url
        self._headers = {"Authorization": f"token {token}"} if token else {}

    async def __call__(self) -> bool:
        """Whether the answer is a success; no answer is none."""
        try:
            response = await self._client.get(self._url, headers=self._headers, timeout=DEADLINE.total_seconds())
        except httpx.HTTPError:
            return False
        return response.is_success


async def restore_routes(client: httpx.AsyncClient, *, hub_api_url: str, token: str) -> None:
    """Have the hub give a restarted proxy its routes at once instead of at its next check."""

    async def synchronise() -> bool:
        try:
            response = await client.post(
                f"{hub_api_url}/proxy",
                headers={"Authorization": f"token {token}"},
                timeout=RESTORE_DEADLINE.total_seconds(),
            )
        except httpx.HTTPError:
            return False
        return response.is_success

    await poll_until(synchronise, deadline=RESTORE_DEADLINE, interval=RETRY)


async def read_enforcement(client: httpx.AsyncClient, *, hub_api_url: str, token: str) -> list[Enforcement]:
    """Ask the hub of the docker runtime what is enforced for new servers."""
    response = await client.get(
        f"{hub_api_url}/heliostat/enforcement",
        headers={"Authorization": f"token {token}"},
        timeout=DEADLINE.total_seconds(),
    )
    response.raise_for_status()
    return ENFORCEMENT.validate_python(response.json()["enforcement"])
