"""What a launch would build, asked before there is one; nothing is recorded and nothing begins."""

from uuid import UUID

from heliostat_core.clients import BuilderClient, PeerRefusedError, PeerUnavailableError
from heliostat_core.contracts.builds import BuildRequest, PlanView, ProviderView


class PlanService:
    """Asks the builder."""

    def __init__(self, *, builder: BuilderClient) -> None:
        self._builder = builder

    async def list_providers(self) -> list[ProviderView]:
        """List the kinds of places repositories can be in."""
        return await self._builder.list_providers()

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
