"""Who asks, and what they may: in the signature of every handler."""

from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Header, Request
from heliostat_core.auth import Principal, Scope, read_token
from heliostat_core.errors import ForbiddenError

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


AdminCaller = Annotated[Principal, Depends(get_admin)]
DecidingCaller = Annotated[Principal, Depends(get_decider)]
ReadingCaller = Annotated[Principal, Depends(get_reader)]
Services = Annotated[Factory, Depends(get_factory)]
CorrelationId = Annotated[UUID | None, Header(alias="X-Heliostat-Correlation-Id")]
