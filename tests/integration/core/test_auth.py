"""Who calls: tokens of users, servers and services."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest
from heliostat_core.auth import Authenticator, HubUnavailableError, Scope, read_token
from heliostat_core.config import CallerConfig
from heliostat_core.errors import ForbiddenError, UnauthenticatedError

from tests.support.hub import FakeHub


@pytest.fixture
async def authenticator(hub: FakeHub) -> AsyncIterator[Authenticator]:
    caller = CallerConfig(
        name="sessions", token_sha256=hashlib.sha256(b"secret").hexdigest(), scopes=frozenset({Scope.DECIDE})
    )
    async with httpx.AsyncClient(base_url=hub.url) as client:
        yield Authenticator(hub=client, service="binder", callers=[caller])


def token_of(headers: dict[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


async def test_a_user_has_their_name_groups_and_scopes(hub: FakeHub, authenticator: Authenticator) -> None:
    token = token_of(hub.add_user("ada", groups=("staff",)))
    principal = await authenticator.authenticate(token)
    assert (principal.kind, principal.name, principal.groups, principal.admin) == ("user", "ada", ("staff",), False)
    principal.require(Scope.LAUNCH)
    with pytest.raises(ForbiddenError):
        principal.require(Scope.ADMIN)


async def test_an_administrator_may_launch(hub: FakeHub, authenticator: Authenticator) -> None:
    principal = await authenticator.authenticate(token_of(hub.add_user("root", admin=True)))
    principal.require(Scope.ADMIN)
    principal.require(Scope.LAUNCH)


async def test_a_server_token_proves_one_server_and_allows_nothing_else(
    hub: FakeHub, authenticator: Authenticator
) -> None:
    principal = await authenticator.authenticate(token_of(hub.add_server("ada", "work")))
    assert (principal.kind, principal.server) == ("server", ("ada", "work"))
    with pytest.raises(ForbiddenError):
        principal.require(Scope.LAUNCH)


async def test_who_was_given_access_to_anothers_server_cannot_report_for_it(
    hub: FakeHub, authenticator: Authenticator
) -> None:
    scopes = ["access:servers!server=ada/work", "access:services!service=binder"]
    hub.tokens["shared"] = {"kind": "user", "name": "bob", "groups": [], "scopes": scopes}
    principal = await authenticator.authenticate("shared")
    assert (principal.kind, principal.server) == ("user", None)
    with pytest.raises(ForbiddenError):
        principal.require(Scope.REPORT_ACTIVITY)


async def test_a_service_is_known_by_its_configured_token_while_the_hub_is_down(
    hub: FakeHub, authenticator: Authenticator
) -> None:
    hub.down = True
    principal = await authenticator.authenticate("secret")
    assert (principal.kind, principal.name) == ("service", "sessions")
    with pytest.raises(HubUnavailableError):
        await authenticator.authenticate("somebody")


@pytest.mark.parametrize("token", [None, "", "unknown", "ünknown"])
async def test_nobody_is_refused(authenticator: Authenticator, token: str | None) -> None:
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(token)


async def test_a_token_without_access_to_this_service_is_refused(hub: FakeHub, authenticator: Authenticator) -> None:
    hub.tokens["narrow"] = {"kind": "user", "name": "ada", "groups": [], "scopes": ["custom:heliostat:launch"]}
    with pytest.raises(ForbiddenError):
        await authenticator.authenticate("narrow")


async def test_an_answer_is_remembered_and_a_fresh_one_is_asked_for(hub: FakeHub, authenticator: Authenticator) -> None:
    token = token_of(hub.add_user("ada"))
    await asyncio.gather(*(authenticator.authenticate(token) for _ in range(20)))
    del hub.tokens[token]
    assert (await authenticator.authenticate(token)).name == "ada"
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(token, fresh=True)


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer abc", "abc"), ("token abc", "abc"), ("Basic abc", None), ("Bearer ", None), (None, None), ("abc", None)],
)
def test_tokens_are_read_from_the_header(header: str | None, token: str | None) -> None:
    assert read_token(header) == token
