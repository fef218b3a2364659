"""The rules in force for one user."""

from typing import Annotated

from fastapi import APIRouter, Query
from heliostat_core.contracts.policy import EffectivePolicyView
from heliostat_core.database import DatabaseUnavailableError
from heliostat_core.web import documented

from .dependencies import ReadingCaller, Services, resolve_user

router = APIRouter(prefix="/api/v1", tags=["policy"])


@router.get(
    "/policy",
    summary="The rules in force for you, where each comes from, what you use of them and what is left",
    responses=documented(DatabaseUnavailableError),
)
async def get_policy(
    *,
    caller: ReadingCaller,
    services: Services,
    user: Annotated[str | None, Query(max_length=255, description="another user; for administrators")] = None,
    group: Annotated[list[str] | None, Query(description="groups of that user, instead of those last seen")] = None,
    repository: Annotated[str | None, Query(max_length=2000, description="URL of a repository")] = None,
) -> EffectivePolicyView:
    about = resolve_user(caller, user)
    own = about == caller.name and caller.kind == "user"
    groups = list(caller.groups) if own else group
    return await services.explanations.explain_policy(about, groups=groups, repository=repository)
