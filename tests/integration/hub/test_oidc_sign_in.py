"""Signing in at an OpenID Connect provider, at a real hub."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.hub.stack import BINDER_TOKEN, Peers, Stack, wait_for
from tests.support.oidc import CLIENT_ID, CLIENT_SECRET, OidcProvider


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    """A provider that is set to say who signs in."""
    with OidcProvider().running() as running:
        yield running


@pytest.fixture(scope="module")
def stack(provider: OidcProvider, base_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A hub that trusts the provider."""
    secrets = tmp_path_factory.mktemp("secrets")
    (secrets / "client").write_text(CLIENT_SECRET)
    (secrets / "key").write_text("ab" * 32)
    settings = {
        "SIGN_IN": "oidc",
        "OIDC_ISSUER": provider.issuer,
        "OIDC_CLIENT_ID": CLIENT_ID,
        "OIDC_CLIENT_SECRET_FILE": str(secrets / "client"),
        "OIDC_AUTH_STATE_KEY_FILE": str(secrets / "key"),
        "OIDC_ALLOWED_GROUPS": '["astronomers"]',
        "OIDC_ADMIN_GROUPS": '["operators"]',
        "OIDC_RECHECK_AGE": "PT1S",
    }
    peers = Peers()
    state = tmp_path_factory.mktemp("state")
    running = Stack(state=state, base_environment=base_environment, peers=peers, settings=settings)
    with peers.running(), running.running():
        yield running


@contextlib.contextmanager
def sign_in(
    stack: Stack, provider: OidcProvider, name: object, *groups: str, **claims: str
) -> Iterator[tuple[httpx.Client, Any]]:
    """Sign in as a browser does and yield it with where it arrived."""
    provider.claims = {"preferred_username": name, "groups": list(groups), **claims}
    with httpx.Client(base_url=stack.url, follow_redirects=True, timeout=30) as browser:
        yield browser, browser.get("/hub/oauth_login?next=/hub/home")


def start(stack: Stack, user: str) -> httpx.Response:
    return stack.api("POST", f"users/{user}/servers/made", token=BINDER_TOKEN, json={"user_options": None})


def put(stack: Stack, user: str) -> httpx.Response:
    """Make a server's record, for which the provider is asked as for a start."""
    return stack.api("PUT", f"users/{user}/servers/record", json={})


def test_a_person_of_the_provider_is_a_user_with_groups(stack: Stack, provider: OidcProvider) -> None:
    with sign_in(stack, provider, "Vega", "astronomers", "people") as (_, page):
        assert page.url.path == "/hub/home"
    user = stack.api("GET", "users/vega").json()
    assert sorted(user["groups"]) == ["astronomers", "people"]
    assert not user["admin"]
    assert put(stack, "vega").status_code == 201
    assert sorted(stack.peers.asked[-1].groups) == ["astronomers", "people"]


@pytest.mark.parametrize(
    ("name", "groups", "text"),
    [
        ("rigel", ["others"], "none of the groups that may use Heliostat"),
        ("Mü ller", ["astronomers"], "cannot be used here"),
        ("admin", ["astronomers", "operators"], "The name admin is reserved here"),
        (None, ["astronomers"], "the claim &#39;preferred_username&#39; is missing"),
    ],
)
def test_who_may_not_sign_in_reads_why(
    stack: Stack, provider: OidcProvider, name: str | None, groups: list[str], text: str
) -> None:
    with sign_in(stack, provider, name, *groups) as (browser, page):
        assert page.status_code == 403
        assert text in page.text
        assert "/hub/login" in str(browser.get("/hub/home").url)


def test_a_name_somebody_else_had_first_is_not_given_to_another_account(stack: Stack, provider: OidcProvider) -> None:
    for subject, arrives in (("first", True), ("second", False), ("first", True)):
        with sign_in(stack, provider, "capella", "astronomers", sub=subject) as (_, page):
            assert (page.url.path == "/hub/home") is arrives
            assert ("belongs to another account" in page.text) is not arrives


def test_a_group_of_the_provider_makes_administrators_for_as_long_as_it_says_so(
    stack: Stack, provider: OidcProvider
) -> None:
    for groups, admin in ((["operators"], True), (["astronomers"], False)):
        with sign_in(stack, provider, "deneb", *groups):
            token = stack.api("POST", "users/deneb/tokens", json={}).json()["token"]
        user = stack.api("GET", "user", token=token).json()
        assert user["admin"] is admin
        assert ("custom:heliostat:admin" in user["scopes"]) is admin


def test_a_start_needs_the_providers_word_of_now(stack: Stack, provider: OidcProvider) -> None:
    with sign_in(stack, provider, "mira", "astronomers") as (browser, _):
        provider.expire_access()
        refreshes = provider.refreshes
        assert put(stack, "mira").status_code == 201
        assert provider.refreshes > refreshes

        provider.end_sessions()
        refused = start(stack, "mira")
        assert refused.status_code == 403
        assert "Your last sign-in is too long ago" in refused.json()["message"]
        wait_for(lambda: "/hub/login" in str(browser.get("/hub/home").url))


def test_a_provider_that_is_away_ends_no_session_and_starts_nothing(stack: Stack, provider: OidcProvider) -> None:
    with sign_in(stack, provider, "spica", "astronomers") as (browser, _), provider.away():
        refused = start(stack, "spica")
        assert refused.status_code == 503
        assert "It cannot be checked now whether your account" in refused.json()["message"]
        assert browser.get("/hub/home").url.path == "/hub/home"


def test_a_sign_in_that_the_provider_does_not_finish_says_so(stack: Stack, provider: OidcProvider) -> None:
    with httpx.Client(base_url=stack.url, timeout=30) as browser:
        at_provider = browser.get("/hub/oauth_login").headers["Location"]
        back = browser.get(at_provider).headers["Location"]
        with provider.away():
            page = browser.get(back)
    assert page.status_code == 503
    assert "The sign-in provider does not answer" in page.text
