"""What a launch would build, asked before there is one; nothing is recorded and nothing begins."""

import asyncio
from datetime import timedelta
from time import monotonic
from uuid import UUID

from heliostat_core.clients import BuilderClient, PeerRefusedError, PeerUnavailableError
from heliostat_core.contracts.builds import BuildRequest, PlanView, ProviderView

_FRESH = timedelta(minutes=1)


class PlanService:
    """Asks the builder."""

    def __init__(self, *, builder: BuilderClient) -> None:
        self._builder = builder
        self._asking = asyncio.Lock()
        self._providers: tuple[float, list[ProviderView]] | None = None
        self._failed_at = 0.0

    async def list_providers(self) -> list[ProviderView]:
        """List the kinds of places repositories can be in; remembered for a while, since anybody may ask.

        Raises
        ------
        PeerUnavailableError
            The builder does not answer.
        """
        came = monotonic()
        async with self._asking:
            if self._providers is None or self._providers[0] < monotonic():
                if self._failed_at >= came:  # while this caller waited: one attempt is enough for all who did
                    raise PeerUnavailableError(service="builder")
                try:
                    self._providers = (monotonic() + _FRESH.total_seconds(), await self._builder.list_providers())
                except PeerUnavailableError:
                    self._failed_at = monotonic()
                    raise
            return self._providers[1]

    async def read(self, request: BuildRequest, *, user: str, correlation_id: UUID | None = None) -> PlanView:
        """Resolve a ref and say what building it would do.

        Raises
        ------
        PeerRefusedError, PeerUnavailableError
            The builder cannot plan it.
        """
        try:
            return await self._builder.read_plan(request, user=user, correlation_id=correlation_id)
        except PeerRefusedError as error:
            if error.status == 401:  # noqa: PLR2004 the builder does not know this service: not the user's concern
                raise PeerUnavailableError(service="builder") from error
            raise
