"""The few questions the supervisor asks over HTTP."""

from datetime import timedelta

import httpx
from heliostat_runtime.limits import Enforcement
from pydantic import TypeAdapter

__all__ = ["HttpProbe", "read_enforcement"]

ENFORCEMENT: TypeAdapter[list[Enforcement]] = TypeAdapter(list[Enforcement])

DEADLINE = timedelta(seconds=2)


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


async def read_enforcement(client: httpx.AsyncClient, *, hub_api_url: str, token: str) -> list[Enforcement]:
    """Ask the hub of the docker runtime what is enforced for new servers."""
    response = await client.get(
        f"{hub_api_url}/heliostat/enforcement",
        headers={"Authorization": f"token {token}"},
        timeout=DEADLINE.total_seconds(),
    )
    response.raise_for_status()
    return ENFORCEMENT.validate_python(response.json()["enforcement"])
