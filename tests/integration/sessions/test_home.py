"""What the hub's home page gets from here: checked names, rules, links, and a sign-in for its scripts."""

from .conftest import Service, World, wait_for_launch
from .test_browser import sign_in

REFUSED = [
    ("a" * 21, "server_name_length", "21 of at most 20"),
    ("a" * 200, "server_name_length", "200 of at most 20"),
    ("Work", "server_name_invalid", "'Work' is not a server name"),
    ("a--b", "server_name_invalid", "not a server name"),
    ("a/b", "server_name_invalid", "not a server name"),
    ("work", "session_exists", "You have a server 'work' already"),
]


async def test_a_name_is_refused_in_the_words_of_the_refusal(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    world.hub.servers.add("alice", "work")
    await service.process.factory.reconciler.reconcile_user("alice")
    for name, code, says in REFUSED:
        checked = (await service.client.get(f"api/v1/server-names/{name}", headers=alice)).json()
        assert (checked["allowed"], checked["code"]) == (False, code)
        assert says in checked["message"]
        made = (await service.client.post("api/v1/sessions", json={"name": name}, headers=alice)).json()
        assert [made[key] for key in ("code", "message", "remedy")] == [
            checked[key] for key in ("code", "message", "remedy")
        ]


async def test_asking_for_a_name_leaves_no_trace(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    checked = await service.client.get("api/v1/server-names/free", headers=alice)
    assert checked.json()["allowed"]
    assert world.policy.admissions[-1].simulate
    assert (await service.client.get("api/v1/sessions", headers=alice)).json() == []


async def test_the_rules_are_those_of_policy(world: World, service: Service) -> None:
    answer = (await service.client.get("api/v1/policy", headers=world.add_user("alice"))).json()
    assert (answer["rules"]["named_servers"], answer["usage"]["named_servers_left"]) == (5, 4)


async def test_a_launched_server_links_to_its_launch_and_to_the_same_commit_in_a_new_one(
    world: World, service: Service
) -> None:
    alice = world.add_user("alice")
    launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)).json()
    await wait_for_launch(service, launch["id"], alice)
    (view,) = (await service.client.get("api/v1/sessions", headers=alice)).json()
    base = "http://hub.example/services/binder"
    assert view["links"]["launch"] == f"{base}/launches/{launch['id']}"
    assert view["links"]["relaunch"] == f"{base}/v2/git/{launch['plan']['resolved_spec']}?new=true"
    assert view["links"]["source"] == launch["plan"]["ref_url"]


async def test_a_script_of_the_hub_signs_in_and_gets_the_token_for_changes(world: World, service: Service) -> None:
    away = await service.client.get("browser")
    assert away.status_code == 302
    csrf = await sign_in(world, service, "alice", "/services/binder/browser")
    answer = await service.client.get("browser", headers={"Origin": "http://elsewhere.example"})
    assert answer.json() == {"user": "alice", "csrf": csrf}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-credentials" not in answer.headers
