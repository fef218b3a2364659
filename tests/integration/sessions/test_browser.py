"""The pages: sign-in through the hub, what a cookie may do, and that nothing of a user's becomes markup."""

from urllib.parse import parse_qs, urlsplit

from fastapi import Request
from heliostat_core.contracts.builds import PlanDecision

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


async def test_nothing_can_be_sent_before_the_script_is_there_to_send_it(world: World, service: Service) -> None:
    await sign_in(world, service, "alice", "/services/binder/")
    page = (await service.client.get("")).text
    assert page.count('type="submit"') == page.count('type="submit" disabled') == 1


async def test_a_sign_in_that_did_not_begin_here_is_refused(world: World, service: Service) -> None:
    answer = await service.client.get("oauth_callback?code=c&state=forged")
    assert (answer.status_code, answer.json()["code"]) == (400, "login_failed")
    begun = await service.client.get("launches/00000000-0000-0000-0000-000000000000")
    assert begun.headers["location"].startswith("/hub/api/oauth2/authorize?client_id=service-binder")
    answer = await service.client.get("oauth_callback?code=c&state=other")
    assert answer.status_code == 400


async def test_a_link_is_described_to_who_is_not_signed_in_and_leads_back_to_itself(
    world: World, service: Service
) -> None:
    path = "/services/binder/v2/git/https%3A%2F%2Fgit.example%2F%3Cdemo%3E/main?urlpath=lab%2Ftree%2Fa.ipynb"
    page = await service.client.get(service.url + path)
    assert page.status_code == 200
    title = "Launch git/https://git.example/&lt;demo&gt;/main"
    assert f'<meta property="og:title" content="{title}">' in page.text
    start = page.text.split('class="btn btn-primary" href="')[1].split('"')[0]
    await sign_in(world, service, "alice", path, start=start)
    page = await service.client.get(service.url + path)
    assert r'"repo": "https%3A%2F%2Fgit.example%2F%3Cdemo%3E/main"' in page.text
    assert '"urlpath": "lab/tree/a.ipynb"' in page.text
    assert (await service.client.get("api/v1/launches")).json() == [], "opening a page launches nothing"


async def test_a_link_that_leads_out_of_the_server_is_a_page_that_says_so(service: Service) -> None:
    page = await service.client.get("v2/git/https%3A%2F%2Fgit.example%2Fdemo/main?urlpath=https://evil.example/x")
    assert page.status_code == 422
    assert page.headers["content-type"].startswith("text/html")
    assert "https://evil.example/x" in page.text


async def test_where_anybody_may_launch_form_and_links_need_no_sign_in(world: World) -> None:
    service = await world.start(anonymous_launches=True)
    form = await service.client.get("")
    assert (form.status_code, 'data-guest="true"' in form.text) == (200, True)
    page = await service.client.get("v2/git/https%3A%2F%2Fgit.example%2Fdemo/main?filepath=a.ipynb")
    assert 'data-opening="lab/tree/a.ipynb"' in page.text
    stream = page.text.split('data-stream="')[1].split('"')[0]
    assert stream.startswith("/services/binder/build/git/https%3A%2F%2Fgit.example%2Fdemo/main?build_token=")
    assert (await service.client.get("launches/nonsense")).status_code == 302, "what is somebody's needs one"


async def test_a_page_that_does_not_exist_is_a_page_too(world: World, service: Service) -> None:
    await sign_in(world, service, "alice", "/services/binder/")
    page = await service.client.get("launches/nonsense")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


async def test_a_plan_is_shown_before_anything_begins(world: World, service: Service) -> None:
    csrf = await sign_in(world, service, "alice", "/services/binder/")
    body = {"repo": "ska/demo", "ref": "main", "provider": "git"}
    assert (await service.client.post("api/v1/plans", json=body)).status_code == 403
    plan = await service.client.post("api/v1/plans", json=body, headers={"X-Heliostat-CSRF": csrf})
    assert (plan.status_code, plan.json()["decision"]) == (200, "hit")
    wrong = await service.client.post("api/v1/plans", json={"repo": "nowhere"}, headers={"X-Heliostat-CSRF": csrf})
    assert (wrong.status_code, wrong.json()["field"]) == (404, "repo")
    assert (await service.client.get("api/v1/launches")).json() == []


async def test_a_log_is_a_file_that_does_no_harm(world: World, service: Service) -> None:
    world.builder.decision = PlanDecision.FULL
    await sign_in(world, service, "alice", "/services/binder/")
    alice, bob = world.add_user("alice"), world.add_user("bob")
    launch, other = [
        (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=headers)).json()
        for headers in (alice, bob)
    ]
    await wait_for_launch(service, launch["id"], {}, "building")
    await world.builder.write_lines(world.builder.builds[0], "\x1b[31mred\x1b[0m", "\x1b]0;title\x07<b>10 %\r100 %")
    answer = await service.client.get(f"launches/{launch['id']}/log.txt")
    assert answer.text == "red\n100 %\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert (await service.client.get(f"launches/{other['id']}/log.txt")).status_code == 404


async def test_another_users_page_does_not_exist(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)).json()
    await sign_in(world, service, "bob", "/services/binder/")
    assert (await service.client.get(f"launches/{launch['id']}")).status_code == 404


async def sign_in(world: World, service: Service, name: str, target: str, *, start: str | None = None) -> str:
    """Follow the redirects as a browser would, with the hub's part played by a token of the user.

    They begin at ``start``, which is the target itself where it is not given, and end at the target.
    """
    token = world.add_user(name)["Authorization"].removeprefix("Bearer ")
    asked: dict[str, str] = {}

    async def exchange(request: Request) -> dict[str, str]:
        asked.update({key: value for key, (value,) in parse_qs((await request.body()).decode()).items()})
        return {"access_token": token}

    world.hub.app.post("/hub/api/oauth2/token")(exchange)
    away = await service.client.get(service.url + (start or target))
    query = parse_qs(urlsplit(away.headers["location"]).query)
    assert query["code_challenge_method"] == ["S256"]
    back = await service.client.get("oauth_callback", params={"code": "c", "state": query["state"][0]})
    assert (back.status_code, back.headers["location"]) == (302, target)
    assert asked["redirect_uri"] == query["redirect_uri"][0] == "/services/binder/oauth_callback"
    assert token not in back.headers["set-cookie"]
    page = (await service.client.get("")).text
    return page.split('name="heliostat-csrf" content="')[1].split('"')[0]
