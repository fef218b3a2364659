"""The few questions the supervisor asks over HTTP."""

from datetime import timedelta

import httpx

from .polling import poll_until

__all__ = ["HttpProbe", "restore_routes"]

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
