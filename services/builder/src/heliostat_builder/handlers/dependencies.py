"""Who asks, for whom, and what they may: in the signature of every handler."""

from typing import Annotated, cast
from urllib.parse import unquote
from uuid import UUID

from fastapi import Depends, Header, Request
from heliostat_core.auth import Principal, Scope, read_token
from heliostat_core.contracts.builds import BuildLinks, BuildView
from heliostat_core.errors import ForbiddenError

from ..domain.builds import Build
from ..factory import Factory, ProcessContext
from ..services.builds import Requester


def get_process(request: Request) -> ProcessContext:
    """Give the context of this process."""
    return cast("ProcessContext", request.state.process)


def get_factory(process: Annotated[ProcessContext, Depends(get_process)]) -> Factory:
    """Give the services of this process."""
    return process.factory


async def get_caller(
    process: Annotated[ProcessContext, Depends(get_process)], authorization: Annotated[str | None, Header()] = None
) -> Principal:
    """Verify the caller's token."""
    return await process.authenticator.authenticate(read_token(authorization))


async def get_admin(caller: Annotated[Principal, Depends(get_caller)]) -> Principal:
    """Let only administrators pass."""
    caller.require(Scope.ADMIN)
    return caller


async def get_requester(
    caller: Annotated[Principal, Depends(get_caller)],
    user: Annotated[str | None, Header(alias="X-Heliostat-On-Behalf-Of", max_length=2000)] = None,
    groups: Annotated[list[str] | None, Header(alias="X-Heliostat-Group")] = None,
) -> Requester:
    """Let users pass who may launch, and services that may build; those may name, encoded, the user they ask for."""
    named = None if user is None else unquote(user)
    if Scope.BUILD in caller.scopes and caller.kind == "service":
        its_groups = tuple(unquote(group) for group in groups or ())
        return Requester(user=named or f"service:{caller.name}", groups=its_groups, sees_all=True)
    caller.require(Scope.LAUNCH)
    if named is not None and named != caller.name:
        raise ForbiddenError(scope=Scope.BUILD.value)
    return Requester(user=caller.name, groups=caller.groups, sees_all=caller.admin, admin=caller.admin)


def get_correlation_id(
    caller: Annotated[Principal, Depends(get_caller)],
    launch_id: Annotated[UUID | None, Header(alias="X-Heliostat-Correlation-Id")] = None,
) -> UUID | None:
    """Take a launch's id from services alone: a user could name a launch of somebody else."""
    return launch_id if Scope.BUILD in caller.scopes and caller.kind == "service" else None


def build_view(build: Build, process: ProcessContext) -> BuildView:
    """Show a build, with links that lead through the hub's proxy."""
    base = f"{process.config.public}/services/builder/api/v1/builds/{build.id}"
    return BuildView(
        id=build.id,
        state=build.state,
        plan=build.plan,
        attempt=build.attempt,
        requested_by=build.requested_by,
        created_at=build.created_at,
        started_at=build.started_at,
        finished_at=build.finished_at,
        failure=build.failure,
        image=build.image,
        links=BuildLinks(self=base, log=f"{base}/log"),
    )


AdminCaller = Annotated[Principal, Depends(get_admin)]
Caller = Annotated[Requester, Depends(get_requester)]
Process = Annotated[ProcessContext, Depends(get_process)]
Services = Annotated[Factory, Depends(get_factory)]
CorrelationId = Annotated[UUID | None, Depends(get_correlation_id)]
