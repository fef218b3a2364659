"""Calling another service: one pool, one identity, foreign errors turned into ours at this edge."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
from pydantic import ValidationError

from ..contracts.model import ErrorView
from ..errors import HeliostatError, UnavailableError

_PATIENCE = timedelta(seconds=10)


class PeerUnavailableError(UnavailableError):
    """Another service does not answer."""

    code = "service_unavailable"

    def __init__(self, *, service: str) -> None:
        super().__init__(f"The {service} service cannot be reached", remedy="Try again in a moment.")
        self.service = service


class PeerRefusedError(HeliostatError):
    """Another service answered with an error; code, status and text are its own."""

    def __init__(self, *, status: int, view: ErrorView) -> None:
        super().__init__(view.message, field=view.field, remedy=view.remedy, details=view.details)
        self.code = view.code  # type: ignore[misc]  # the peer's, not the class's
        self.status = status  # type: ignore[misc]  # the peer's, not the class's
        self.view = view


class PeerClient:
    """Sends requests to one service.

    Parameters
    ----------
    service
        Its name, for error messages.
    client
        HTTP client made by `create_peer_http_client`.
    """

    def __init__(self, *, service: str, client: httpx.AsyncClient) -> None:
        self._service = service
        self._client = client

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str | Sequence[str]] | None = None,
        on_behalf_of: str | None = None,
        groups: Sequence[str] = (),
        correlation_id: UUID | None = None,
        token: str | None = None,
        patience: timedelta = _PATIENCE,
    ) -> Any:
        """Send one request and return the decoded JSON answer.

        Parameters
        ----------
        groups
            Groups of whom it is made for.
        token
            A user's token, to ask with their rights instead of this service's.
        patience
            How long the answer may take.

        Raises
        ------
        PeerUnavailableError
            No answer, or a 5xx without our error shape.
        PeerRefusedError
            An error in our shape.
        """
        # Names may hold any letter, headers may not.
        headers = [("X-Heliostat-Group", quote(group, safe="")) for group in groups]
        if on_behalf_of is not None:
            headers.append(("X-Heliostat-On-Behalf-Of", quote(on_behalf_of, safe="")))
        if correlation_id is not None:
            headers.append(("X-Heliostat-Correlation-Id", str(correlation_id)))
        if token is not None:
            headers.append(("Authorization", f"Bearer {token}"))
        try:
            response = await self._client.request(
                method, path, json=json, params=params, headers=headers, timeout=_build_timeout(patience)
            )
        except httpx.HTTPError as error:
            raise PeerUnavailableError(service=self._service) from error
        if response.is_success:
            return response.json() if response.content else None
        try:
            view = ErrorView.model_validate_json(response.content)
        except ValidationError as error:
            raise PeerUnavailableError(service=self._service) from error
        raise PeerRefusedError(status=response.status_code, view=view)


def _build_timeout(patience: timedelta) -> httpx.Timeout:
    return httpx.Timeout(patience.total_seconds(), connect=3)
