"""Launches from request to server."""

from heliostat_core.grants import read_grant
from pydantic import SecretStr

from tests.support.sse import list_events

from .conftest import GRANT_KEY, Service, World, wait_for_launch


async def test_a_cached_launch_becomes_a_server(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    answer = await service.client.post(
        "api/v1/launches", json={"repo": "ska/demo", "path": "intro/a b.ipynb"}, headers=alice
    )
    assert answer.status_code == 202, answer.text
    launch = answer.json()
    assert launch["plan"]["decision"] == "hit"
    done = await wait_for_launch(service, launch["id"], alice)
    assert done["state"] == "ready", done
    assert done["url"] == "http://hub.example/user/alice/demo/lab/tree/intro/a%20b.ipynb"
    (user, name, options) = world.hub.servers.starts[0]
    grant = read_grant(options["grant"], key=SecretStr(GRANT_KEY))
    assert (user, name, grant.repo, grant.server_name) == ("alice", "demo", "https://git.example/ska/demo", "demo")


async def test_the_stream_tells_every_step_once(world: World, service: Service) -> None:
    alice = world.add_user("alice")
    launch = (await service.client.post("api/v1/launches", json={"repo": "ska/demo"}, headers=alice)).json()
    events = await list_events(service.client, f"api/v1/launches/{launch['id']}/events", headers=alice)
    assert [event["phase"] for event in events] == [
        "request", "plan", "build", "admit", "spawn", "spawn", "spawn", "spawn", "ready",
    ]  # fmt: skip
    assert events[-1]["final"] is True
    assert len({event["id"] for event in events}) == len(events)
    rest = await list_events(service.client, f"api/v1/launches/{launch['id']}/events?after=4.0", headers=alice)
    assert rest == events[4:]
