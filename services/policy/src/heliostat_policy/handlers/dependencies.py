"""Who asks, and what they may: in the signature of every handler."""

from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import Depends, Header, Request
from heliostat_core.auth import Principal, Scope, read_token
from heliostat_core.contracts.model import ErrorView
from heliostat_core.errors import ForbiddenError, HeliostatError, UnauthenticatedError

from ..factory import Factory, ProcessContext


def get_process(request: Request) -> ProcessContext:
    """Give the context of this process."""
    return cast(ProcessContext, request.state.process)


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


async def get_decider(caller: Annotated[Principal, Depends(get_caller)]) -> Principal:
    """Let only services pass that may ask for decisions."""
    caller.require(Scope.DECIDE)
    return caller


async def get_reader(caller: Annotated[Principal, Depends(get_caller)]) -> Principal:
    """Let users pass, and services that may ask for decisions."""
    if not reads_all(caller):
        caller.require(Scope.LAUNCH)
    return caller


def reads_all(caller: Principal) -> bool:
    """Whether the caller may ask about every user."""
    return caller.admin or Scope.DECIDE in caller.scopes


def resolve_user(caller: Principal, user: str | None) -> str:
    """Tell about whom is asked: oneself, or anybody for those who may.

    Raises
    ------
    ForbiddenError
        The caller may ask only about themselves.
    """
    if user is None or user == caller.name:
        return caller.name
    if not reads_all(caller):
        raise ForbiddenError(scope=Scope.ADMIN.value)
    return user


def documented(*errors: type[HeliostatError]) -> dict[int | str, dict[str, Any]]:
    """Describe a route's errors for OpenAPI; a missing token or a malformed request can happen to every route."""
    invalid = {"model": ErrorView, "description": "`invalid_request`: The request does not have the documented form."}
    described: dict[int | str, dict[str, Any]] = {422: invalid}
    always: tuple[type[HeliostatError], ...] = (UnauthenticatedError, ForbiddenError)
    for error in (*always, *errors):
        known = described.setdefault(error.status, {"model": ErrorView, "description": ""})
        text = f"`{error.code}`: {(error.__doc__ or '').strip().splitlines()[0]}"
        known["description"] = f"{known['description']}\n\n{text}".strip()
    return described


AdminCaller = Annotated[Principal, Depends(get_admin)]
DecidingCaller = Annotated[Principal, Depends(get_decider)]
ReadingCaller = Annotated[Principal, Depends(get_reader)]
Services = Annotated[Factory, Depends(get_factory)]
CorrelationId = Annotated[UUID | None, Header(alias="X-Heliostat-Correlation-Id")]
