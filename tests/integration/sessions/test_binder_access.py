"""Who may use BinderHub's API, from where, and how often."""

import asyncio
from datetime import timedelta

from heliostat_sessions.domain.build_tokens import BuildTokens
from heliostat_sessions.domain.cookies import BrowserSession
from heliostat_sessions.handlers.dependencies import CSRF_HEADER, SESSION_COOKIE
from pydantic import SecretStr

from .binder_stream import read_stream
from .conftest import BUILD_TOKEN_SECRET, Service, World

SPEC = "build/gh/ska/demo/HEAD"
ORIGIN = "https://docs.example"
TOKENS = BuildTokens(secret=SecretStr(BUILD_TOKEN_SECRET))


async def test_without_a_sign_in_nothing_is_launched(world: World, service: Service) -> None:
    refused = await read_stream(service.client, SPEC)
    assert (refused.status, refused.last["status_code"], refused.last["reason"]) == (200, 403, "unauthenticated")
    in_query = await read_stream(service.client, f"{SPEC}?token=token-of-alice", headers={})
    assert in_query.last["reason"] == "unauthenticated"
    assert world.hub.servers.starts == []


async def test_a_cookie_alone_launches_nothing(world: World, service: Service) -> None:
    """A link on another site carries it; a page of ours, its CSRF token, or its build token, says it was meant."""
    world.add_user("alice")
    browser = BrowserSession(token="token-of-alice", user="alice")
    cookies = service.process.factory.cookies
    cookie = {"Cookie": f"{SESSION_COOKIE}={cookies.write(browser)}"}
    host = service.url.removeprefix("http://")
    for extra in ({}, {"Sec-Fetch-Site": "cross-site"}, {"X-XSRFToken": "wrong"}):
        assert (await read_stream(service.client, SPEC, headers=cookie | extra)).last["reason"] == "csrf_token_missing"
    bobs = TOKENS.mint(audience="gh/ska/demo/HEAD", origin=host, user="bob")
    others = await read_stream(service.client, f"{SPEC}?build_token={bobs}", headers=cookie)
    assert others.last["reason"] == "build_token_invalid"
    assert world.hub.servers.starts == []
    csrf = cookies.build_csrf_token(browser)
    for extra in ({"Sec-Fetch-Site": "same-origin"}, {CSRF_HEADER: csrf}, {"X-XSRFToken": csrf}):
        assert (await read_stream(service.client, SPEC, headers=cookie | extra)).last["phase"] == "ready"
    own = TOKENS.mint(audience="gh/ska/demo/HEAD", origin=host, user="alice")
    assert (await read_stream(service.client, f"{SPEC}?build_token={own}", headers=cookie)).last["phase"] == "ready"


async def test_a_page_of_an_allowed_origin_may_send_a_token(world: World) -> None:
    service = await world.start(allowed_origins=(f"{ORIGIN}/", "https://other.example/"))
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization,cache-control,last-event-id",
    }
    preflight = await service.client.options(SPEC, headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in preflight.headers
    answer = await read_stream(service.client, SPEC, headers=world.add_user("alice") | {"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "Origin" in answer.headers["vary"]
    assert "retry-after" in answer.headers["access-control-expose-headers"].lower()
    evil = asked | {"Origin": "https://evil.example"}
    assert "access-control-allow-origin" not in (await service.client.options(SPEC, headers=evil)).headers
    refused = await read_stream(service.client, SPEC, headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in refused.headers
    versions = await service.client.get("versions", headers={"Origin": "https://evil.example"})
    assert versions.headers["access-control-allow-origin"] == "*"


async def test_a_limit_holds_over_replicas_and_says_when_it_ends(world: World) -> None:
    settings = {"anonymous_launches": True, "anonymous_rate": 3, "rate_period": timedelta(minutes=5)}
    replicas = [await world.start(**settings), await world.start(**settings)]
    spec = "build/gh/nowhere/demo/HEAD"  # charged, as in BinderHub, although nothing comes of it
    transcripts = await asyncio.gather(*(read_stream(replica.client, spec) for replica in replicas * 5))
    refused = [transcript for transcript in transcripts if transcript.last["reason"] == "rate_limit"]
    assert len(refused) == 7
    left = int(refused[0].headers["retry-after"])
    assert 290 <= left <= 300
    assert f"Try again in {left} seconds." in refused[0].last["message"]
    assert (refused[0].status, refused[0].last["status_code"]) == (200, 429)
    assert refused[0].headers["x-ratelimit-remaining"] == "0"
    remaining = {t.headers["x-ratelimit-remaining"] for t in transcripts if t not in refused}
    assert remaining == {"0", "1", "2"}
    elsewhere = await read_stream(replicas[0].client, spec, headers={"X-Forwarded-For": "203.0.113.7"})
    assert elsewhere.last["reason"] == "repository_unknown"
    token = TOKENS.mint(audience=spec.removeprefix("build/"), origin=replicas[0].url.removeprefix("http://"), user=None)
    vouched = await read_stream(replicas[0].client, f"{spec}?build_token={token}")
    assert vouched.last["reason"] == "repository_unknown"


async def test_users_can_be_limited_and_coming_back_costs_nothing(world: World) -> None:
    service = await world.start(user_rate=1)
    alice, bob = world.add_user("alice"), world.add_user("bob")
    first = await read_stream(service.client, SPEC, headers=alice)
    assert first.headers["x-ratelimit-remaining"] == "0"
    back = await read_stream(service.client, SPEC, headers=alice | {"Last-Event-ID": first.ids[0]})
    assert back.last["phase"] == "ready"
    assert (await read_stream(service.client, SPEC, headers=alice)).last["reason"] == "rate_limit"
    assert (await read_stream(service.client, SPEC, headers=bob)).last["phase"] == "ready"


async def test_windows_that_ended_are_forgotten(world: World) -> None:
    service = await world.start(user_rate=1, rate_period=timedelta(seconds=0.2))
    alice = world.add_user("alice")
    for _ in range(3):
        assert (await read_stream(service.client, SPEC, headers=alice)).last["phase"] == "ready"
        await asyncio.sleep(0.25)
    await service.process.factory.rate_limits.forget()
    async with world.database.transaction() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM rate_limits")).scalar_one() == 0


async def test_the_small_endpoints(world: World, service: Service) -> None:
    versions = (await service.client.get("versions")).json()
    assert set(versions) == {"binderhub", "builder", "builder_info"}
    health = await service.client.get("health")
    assert (health.status_code, health.json()["ok"]) == (200, True)
    assert {check["service"] for check in health.json()["checks"]} == {
        "JupyterHub API", "Builder", "Policy", "Pod quota",
    }  # fmt: skip
    assert (await service.client.head("health")).status_code == 200
    (provider,) = (await service.client.get("api/repoproviders")).json()
    assert (provider["id"], provider["displayName"]) == ("gh", "GitHub")
    assert (await service.client.get("_config")).json()["gh"]["text"] == "GitHub repository"
    for badge in ("badge.svg", "badge_logo.svg"):
        answer = await service.client.get(badge)
        assert answer.headers["content-type"].startswith("image/svg+xml")
    moved = await service.client.get("repo/ska/demo/lab/tree/a.ipynb")
    base = "http://hub.example/services/binder/v2/gh/ska/demo/HEAD"
    assert (moved.status_code, moved.headers["location"]) == (302, f"{base}?urlpath=%2Flab%2Ftree%2Fa.ipynb")
    assert (await service.client.get("repo/ska/demo")).headers["location"] == base


async def test_ill_health_says_what_is_missing(world: World) -> None:
    world.builder.down = True  # before the service first looks, since it remembers for a while
    service = await world.start()
    answer = await service.client.get("health")
    assert answer.status_code == 503
    assert {check["service"]: check["ok"] for check in answer.json()["checks"]} == {
        "JupyterHub API": True, "Builder": False, "Policy": True, "Pod quota": True,
    }  # fmt: skip
