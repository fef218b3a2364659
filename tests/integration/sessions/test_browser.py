"""The pages: sign-in through the hub, what a cookie may do, and that nothing of a user's becomes markup."""

from urllib.parse import parse_qs, urlsplit

from fastapi import Request

from .conftest import Service, World, wait_for_launch


async def test_a_browser_signs_in_and_launches(world: World, service: Service) -> None:
    csrf = await sign_in(world, service, "alice", "/services/binder/?repo=ska/demo&ref=%22%3E%3Cscript%3E")
    page = await service.client.get("")
    assert "Launch a repository" in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    launch = await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers={"X-Heliostat-CSRF": csrf})
    assert launch.status_code == 202, launch.text
    await wait_for_launch(service, launch.json()["id"], {})
    page = await service.client.get(f"launches/{launch.json()['id']}")
    assert f'data-id="{launch.json()["id"]}"' in page.text
    assert (await service.client.get("static/launch.js")).status_code == 200


async def test_a_cookie_alone_changes_nothing(world: World, service: Service) -> None:
    await sign_in(world, service, "alice", "/services/binder/")
    answer = await service.client.post("api/v1/launches", json={"repo": "ska/demo"})
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_token_missing")
    assert (await service.client.get("api/v1/launches")).json() == []


async def test_what_users_write_is_text(world: World, service: Service) -> None:
    await sign_in(world, service, "alice", "/services/binder/")
    page = await service.client.get("", params={"repo": '"><script>alert(1)</script>'})
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


async def test_a_sign_in_that_did_not_begin_here_is_refused(world: World, service: Service) -> None:
    answer = await service.client.get("oauth_callback?code=c&state=forged")
    assert (answer.status_code, answer.json()["code"]) == (400, "login_failed")
    begun = await service.client.get("launches/00000000-0000-0000-0000-000000000000")
    assert begun.headers["location"].startswith("/hub/api/oauth2/authorize?client_id=service-binder")
    answer = await service.client.get("oauth_callback?code=c&state=other")
    assert answer.status_code == 400


async def test_another_users_page_does_not_exist(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)).json()
    await sign_in(world, service, "bob", "/services/binder/")
    assert (await service.client.get(f"launches/{launch['id']}")).status_code == 404


async def sign_in(world: World, service: Service, name: str, target: str) -> str:
    """Follow the redirects as a browser would, with the hub's part played by a token of the user."""
    token = world.add_user(name)["Authorization"].removeprefix("Bearer ")
    asked: dict[str, str] = {}

    async def exchange(request: Request) -> dict[str, str]:
        asked.update({key: value for key, (value,) in parse_qs((await request.body()).decode()).items()})
        return {"access_token": token}

    world.hub.app.post("/hub/api/oauth2/token")(exchange)
    away = await service.client.get(service.url + target)
    query = parse_qs(urlsplit(away.headers["location"]).query)
    assert query["code_challenge_method"] == ["S256"]
    back = await service.client.get("oauth_callback", params={"code": "c", "state": query["state"][0]})
    assert (back.status_code, back.headers["location"]) == (302, target)
    assert asked["redirect_uri"] == query["redirect_uri"][0] == "/services/binder/oauth_callback"
    assert token not in back.headers["set-cookie"]
    page = (await service.client.get("")).text
    return page.split('name="heliostat-csrf" content="')[1].split('"')[0]
