"""Reading and changing the policy, for administrators."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from heliostat_core.contracts.policy import PolicyChange, PolicyChangeView, PolicyVersionsView
from heliostat_core.database import DatabaseUnavailableError
from heliostat_core.web import documented
from pydantic import ValidationError

from ..errors import InvalidPolicyError, PolicyTooLargeError, PolicyVersionConflictError
from .dependencies import AdminCaller, Services

router = APIRouter(prefix="/api/v1", tags=["policies"])

_MOST_BYTES = 1_000_000
"""A policy has at most 200,000 characters of up to four bytes; JSON escapes some of them."""

_YAML = ("text/yaml", "application/yaml", "application/x-yaml", "text/x-yaml")
_BODIES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": PolicyChange.model_json_schema()},
            "text/yaml": {"schema": {"type": "string"}},
        },
    }
}


async def read_change(
    request: Request,
    comment: Annotated[str, Query(max_length=1000, description="why; for a YAML body")] = "",
    *,
    dry_run: Annotated[bool, Query(description="check only; for a YAML body")] = False,
    expected_version: Annotated[int | None, Query(description="version you changed; for a YAML body")] = None,
) -> PolicyChange:
    """Read a change from JSON, or from the YAML of the policy itself with the rest in the query."""
    body = await _read_body(request)
    try:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _YAML:
            return PolicyChange.model_validate_json(body)
        return PolicyChange(source=body.decode(), comment=comment, dry_run=dry_run, expected_version=expected_version)
    except ValidationError as error:
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()]) from error
    except UnicodeDecodeError as error:
        problem = {"type": "encoding", "loc": ("body",), "msg": "The text is not UTF-8", "input": None}
        raise RequestValidationError([problem]) from error


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise PolicyTooLargeError(limit=_MOST_BYTES)
    return bytes(body)


@router.get(
    "/policies",
    summary="The policy in force and its history; with 'Accept: text/yaml' the text in force alone. For administrators",
    response_model=PolicyVersionsView,
    response_model_exclude_unset=True,
    responses=documented(DatabaseUnavailableError),
)
async def get_policies(
    *,
    request: Request,
    _: AdminCaller,
    services: Services,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="only versions before this one")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> PolicyVersionsView | Response:
    if any(kind in request.headers.get("accept", "") for kind in _YAML):
        policy = services.policies.in_force
        return PlainTextResponse(policy.source, media_type="text/yaml", headers={"ETag": f'"{policy.version}"'})
    return await services.policies.list_versions(before=before, most=limit)


@router.put(
    "/policies",
    summary="Put a new policy in force, or with dry_run say what it would change. For administrators",
    responses=documented(InvalidPolicyError, PolicyVersionConflictError, PolicyTooLargeError, DatabaseUnavailableError),
    openapi_extra=_BODIES,
)
async def put_policies(
    *, change: Annotated[PolicyChange, Depends(read_change)], caller: AdminCaller, services: Services
) -> PolicyChangeView:
    return await services.policies.change(change, by=caller.name)
