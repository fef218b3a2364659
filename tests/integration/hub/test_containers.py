"""Servers that are containers start, keep their files, survive the hub, and go with their storage."""

import subprocess
from collections.abc import Iterator
from secrets import token_hex

import httpx
import pytest
from heliostat_sessions.storage.host import HostError
from heliostat_sessions.storage.hub_host import HubHost
from pydantic import SecretStr

from tests.integration.hub.containers import STORAGE, ContainerStack, docker
from tests.integration.hub.stack import BINDER_TOKEN, make_grant, wait_for

NOT_OURS = """
FROM {lab}
USER root
RUN rm -rf /opt/heliostat/base/lib/python3*/site-packages/heliostat_singleuser* \\
      /opt/heliostat/base/etc/jupyter/jupyter_server_config.d/heliostat_singleuser.json && \\
    mkdir /home/jovyan/notes && echo 'from the repository' >/home/jovyan/notes/read.me && \\
    chown -R 1000:1000 /home/jovyan
ENV PATH=/opt/heliostat/base/bin:$PATH
LABEL heliostat.base=""
USER 1000
"""


@pytest.fixture
def other_image(lab_image: str) -> Iterator[str]:
    """An image with its own JupyterHub and a file in its home, and nothing of ours."""
    name = f"heliostat-tests-{token_hex(4)}:1"
    built = subprocess.run(
        ["docker", "build", "--quiet", "--tag", name, "-"],
        input=NOT_OURS.format(lab=lab_image),
        capture_output=True,
        text=True,
        check=True,
    )
    yield built.stdout.strip()
    docker("image", "rm", "--force", name)


def test_an_image_that_is_not_ours_is_started_by_digest_with_its_files_and_reports(
    container_stack: ContainerStack, other_image: str
) -> None:
    auth = {"Authorization": f"token {container_stack.add_user('lyra')}"}
    server = container_stack.start_server(
        "lyra", "theirs", grant=make_grant("lyra", "theirs", "environment", image=other_image)
    )
    container = container_stack.find_container("lyra", "theirs")
    assert container["Image"] == other_image
    assert container["Config"]["Cmd"][0] == "jupyterhub-singleuser"
    contents = f"{container_stack.url}{server['url']}api/contents/notes/read.me"
    assert httpx.get(contents, headers=auth, timeout=30).json()["content"] == "from the repository\n"
    body = {"type": "file", "format": "text", "content": "changed"}
    assert httpx.put(contents, headers=auth, json=body, timeout=30).status_code == 200
    token = next(v for v in container["Config"]["Env"] if v.startswith("JUPYTERHUB_API_TOKEN=")).partition("=")[2]
    wait_for(lambda: token in [sent for sent, _ in container_stack.peers.reports])
    container_stack.stop_server("lyra", "theirs")
    assert container_stack.list_containers() == []
    container_stack.start_server("lyra", "theirs")
    assert httpx.get(contents, headers=auth, timeout=30).json()["content"] == "changed"
    container_stack.delete_server("lyra", "theirs")


def test_forged_options_change_nothing(container_stack: ContainerStack) -> None:
    container_stack.add_user("algol")
    forged = {
        "image": "heliostat/debian:12",
        "cmd": ["/bin/sh"],
        "volumes": {"/": "/host"},
        "extra_host_config": {"privileged": True},
        "grant": make_grant("mira", "mine", "environment", image=f"sha256:{'0' * 64}"),
    }
    container_stack.start_server("algol", "mine", **forged)
    container = container_stack.find_container("algol", "mine")
    default = docker("image", "inspect", "--format", "{{.Id}}", container_stack.settings["DEFAULT_IMAGE"])
    assert container["Image"] == default.stdout.strip()
    assert "heliostat_singleuser" in container["Config"]["Cmd"]
    assert [mount["Destination"] for mount in container["Mounts"]] == ["/home/jovyan"]
    assert not container["HostConfig"]["Privileged"]
    container_stack.delete_server("algol", "mine")


def test_a_granted_image_that_is_gone_is_named_before_anything_is_made(container_stack: ContainerStack) -> None:
    container_stack.add_user("wega")
    grant = make_grant("wega", "gone", "environment", image=f"sha256:{'0' * 64}")
    refused = container_stack.api("POST", "users/wega/servers/gone", json={"user_options": {"grant": grant}})
    assert refused.status_code == 409
    assert "Launch the repository again" in refused.json()["message"]
    assert container_stack.server("wega", "gone") is None
    assert container_stack.find_volumes("wega", "gone") == []


async def test_a_killed_hub_finds_its_servers_and_sessions_finds_their_storage(
    container_stack: ContainerStack,
) -> None:
    auth = {"Authorization": f"token {container_stack.add_user('mira')}"}
    server = container_stack.start_server("mira", "long-run")
    container = container_stack.find_container("mira", "long-run")["Id"]
    container_stack.kill_hub()
    container_stack.start_hub()
    assert (container_stack.server("mira", "long-run") or {})["ready"]
    assert container_stack.find_container("mira", "long-run")["Id"] == container
    address = f"http://{container_stack.hub_address}:{container_stack.hub_port}/hub/api"
    async with httpx.AsyncClient(base_url=address) as client:
        status = await client.get(f"{container_stack.url}{server['url']}api/status", headers=auth)
        assert status.status_code == 200
        host = HubHost(client=client, token=SecretStr(BINDER_TOKEN))
        volume = await host.find_volume("mira", "long-run")
        assert volume in await host.list_volumes()
        measured = await host.measure(volume.volume_id)
        assert measured is not None
        assert 0 < measured[0] < measured[1] == STORAGE
        assert {item.resource for item in await host.read_enforcement(volume.volume_id)} >= {"cpu", "storage"}
        assert await host.list_unenforced() == ()
        with pytest.raises(HostError, match="in use"):
            await host.delete_volume(volume.volume_id)
        container_stack.stop_server("mira", "long-run")
        await host.delete_volume(volume.volume_id)
        await host.delete_volume(volume.volume_id)
        assert await host.find_volume("mira", "long-run") is None
        assert await host.measure(volume.volume_id) is None
        with pytest.raises(HostError, match="scope"):
            await HubHost(client=client, token=SecretStr(auth["Authorization"].split()[1])).list_volumes()
    assert container_stack.list_loops() == []
    container_stack.delete_server("mira", "long-run")


def test_a_start_that_a_killed_hub_has_forgotten_leaves_no_container_and_no_device(
    container_stack: ContainerStack,
) -> None:
    container_stack.add_user("deneb")
    container_stack.api("POST", "users/deneb/servers/orphan", json={"user_options": None}).raise_for_status()
    wait_for(container_stack.list_containers)
    container_stack.kill_hub()
    container_stack.start_hub()
    wait_for(lambda: not container_stack.list_containers())
    wait_for(lambda: not container_stack.list_loops())
    container_stack.start_server("deneb", "orphan")
    (directory,) = container_stack.find_volumes("deneb", "orphan")
    container_stack.delete_server("deneb", "orphan")
    wait_for(lambda: not directory.exists())
    assert container_stack.list_loops() == []
    assert docker("volume", "inspect", f"heliostat-{directory.name}").returncode != 0


def test_a_server_that_ended_by_itself_is_noticed_and_can_be_started_again(container_stack: ContainerStack) -> None:
    auth = {"Authorization": f"token {container_stack.add_user('rigel')}"}
    server = container_stack.start_server("rigel", "fragile")
    shutdown = f"{container_stack.url}{server['url']}api/shutdown"
    assert httpx.post(shutdown, headers=auth, timeout=30).status_code == 200
    wait_for(lambda: (container_stack.server("rigel", "fragile") or {})["stopped"])
    wait_for(lambda: not container_stack.list_containers())
    container_stack.start_server("rigel", "fragile")
    container_stack.delete_server("rigel", "fragile")
