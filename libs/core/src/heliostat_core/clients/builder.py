"""Client of the builder."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from ..contracts.builds import BuildRequest, BuildState, BuildView, EnvironmentView, PlanView, ProviderView
from .peer import PeerClient

_BUILDS = "api/v1/builds"

_FETCH_PATIENCE = timedelta(minutes=12)
"""Somewhat more than the builder gives itself for fetching, unless it was configured otherwise."""


class BuilderClient(PeerClient):
    """Plans and builds, on behalf of a user."""

    async def read_plan(self, request: BuildRequest, *, user: str, correlation_id: UUID | None = None) -> PlanView:
        """Resolve a ref and say what building it would do; the first one of a commit waits until it was fetched."""
        answer = await self.request(
            "POST",
            "api/v1/plans",
            json=request.model_dump(),
            on_behalf_of=user,
            correlation_id=correlation_id,
            patience=_FETCH_PATIENCE,
        )
        return PlanView.model_validate(answer)

    async def ensure_build(
        self, request: BuildRequest, *, user: str, groups: Sequence[str] = (), correlation_id: UUID | None = None
    ) -> BuildView:
        """Start the build of this commit, or join the one that runs, or get the one that is done."""
        answer = await self.request(
            "POST",
            _BUILDS,
            json=request.model_dump(),
            on_behalf_of=user,
            groups=groups,
            correlation_id=correlation_id,
        )
        return BuildView.model_validate(answer)

    async def read_build(self, build_id: UUID, *, user: str) -> BuildView:
        """Read one build."""
        return BuildView.model_validate(await self.request("GET", f"{_BUILDS}/{build_id}", on_behalf_of=user))

    async def list_builds(
        self, *, token: str, repo: str | None, state: BuildState | None, before: UUID | None, most: int
    ) -> list[BuildView]:
        """List the builds that the owner of a token may see, the latest first; ``before`` goes on after one of them."""
        given = {"repo": repo, "state": state and state.value, "before": before and str(before), "limit": str(most)}
        params = {name: value for name, value in given.items() if value}
        return [
            BuildView.model_validate(item) for item in await self.request("GET", _BUILDS, params=params, token=token)
        ]

    async def read_build_as(self, build_id: UUID, *, token: str) -> BuildView:
        """Read one build as the owner of a token sees it."""
        return BuildView.model_validate(await self.request("GET", f"{_BUILDS}/{build_id}", token=token))

    async def cancel_build(self, build_id: UUID, *, token: str) -> BuildView:
        """Cancel a build as the owner of a token."""
        return BuildView.model_validate(await self.request("DELETE", f"{_BUILDS}/{build_id}", token=token))

    async def list_environments(self, *, token: str) -> list[EnvironmentView]:
        """List environments, the latest first, for an administrator's token."""
        answer = await self.request("GET", "api/v1/environments", token=token)
        return [EnvironmentView.model_validate(item) for item in answer]

    async def list_providers(self) -> list[ProviderView]:
        """List the kinds of places repositories can be in; dump them by alias to speak BinderHub's words."""
        return [ProviderView.model_validate(item) for item in await self.request("GET", "api/v1/providers")]
