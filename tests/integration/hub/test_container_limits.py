"""A server that is a container, and what it does to get beyond its limits."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.hub.containers import MEMORY, STORAGE, ContainerStack
from tests.integration.hub.stack import BINDER_TOKEN, wait_for

BURN = """
import subprocess, sys
def throttled():
    for path in ("/sys/fs/cgroup/cpu/cpu.stat", "/sys/fs/cgroup/cpu.stat"):
        try:
            return int(next(line.split()[1] for line in open(path) if line.startswith("nr_throttled")))
        except FileNotFoundError:
            pass
before = throttled()
burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
while throttled() == before:
    pass
[burner.kill() for burner in burners]
print("throttled")
"""
EAT = f"bytearray({MEMORY} + 2**26)[::4096]"
FORK = """
import threading, time
count = 0
try:
    while count < 10000:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        count += 1
except RuntimeError as error:
    print(count, error, flush=True)
import os; os._exit(0)
"""
FILL = """
import errno, os
written = 0
try:
    with open(os.path.expanduser("~/filling"), "wb", buffering=0) as file:
        while True:
            written += file.write(bytes(2**20))
except OSError as error:
    print(written, errno.errorcode[error.errno])
os.unlink(os.path.expanduser("~/filling"))
"""
REACH = """
import socket, sys
for address in sys.argv[1:]:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        print(address, "reached")
    except OSError as error:
        print(address, type(error).__name__)
"""


@pytest.fixture(scope="module")
def server(container_stack: ContainerStack) -> Iterator[tuple[str, str]]:
    """A server that all tests of this file try to get out of."""
    container_stack.add_user("cetus")
    usual = container_stack.peers.rules
    container_stack.peers.rules = usual.model_copy(update={"cpu": 0.5})  # it gets as much on a busy machine, too
    container_stack.start_server("cetus", "wild")
    container_stack.peers.rules = usual
    yield "cetus", "wild"
    container_stack.delete_server("cetus", "wild")


def test_it_has_no_rights(container_stack: ContainerStack, server: tuple[str, str]) -> None:
    status = container_stack.execute(*server, "cat", "/proc/self/status").stdout
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {facts[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert facts["NoNewPrivs"] == "1"
    assert facts["Uid"].split() == ["1000"] * 4
    host = container_stack.find_container(*server)["HostConfig"]
    assert not host["Privileged"]
    assert host["NetworkMode"] == container_stack.network.name
    assert [bind.split(":", 1)[1] for bind in host["Binds"]] == ["/home/jovyan:rw"]
    assert container_stack.execute(*server, "ls", "/var/run/docker.sock").returncode != 0


def test_its_cpu_time_is_limited(container_stack: ContainerStack, server: tuple[str, str]) -> None:
    assert container_stack.run_python(*server, BURN).stdout == "throttled\n"


def test_what_takes_more_memory_is_killed_and_the_server_goes_on(
    container_stack: ContainerStack, server: tuple[str, str]
) -> None:
    assert container_stack.run_python(*server, EAT).returncode == 137
    temporary = container_stack.execute(*server, "dd", "if=/dev/zero", "of=/tmp/filling", "bs=1M", "count=1024")
    assert "No space left" in temporary.stderr  # temporary files are memory
    container_stack.execute(*server, "rm", "--force", "/tmp/filling")
    assert (container_stack.server(*server) or {})["ready"]


def test_its_processes_are_counted(container_stack: ContainerStack, server: tuple[str, str]) -> None:
    ended = container_stack.run_python(*server, FORK)
    count, _, reason = ended.stdout.partition(" ")
    assert ended.returncode == 0, ended
    assert int(count) < 4096
    assert reason == "can't start new thread\n"


def test_its_storage_ends_at_the_limit_and_there_is_no_other(
    container_stack: ContainerStack, server: tuple[str, str]
) -> None:
    written, reason = container_stack.run_python(*server, FILL).stdout.split()
    assert reason == "ENOSPC"
    assert 0.9 * STORAGE < int(written) <= STORAGE
    assert "Read-only file system" in container_stack.execute(*server, "touch", "/srv/environment/x").stderr


def test_it_reaches_the_hub_and_nothing_else_of_the_platform(
    container_stack: ContainerStack, server: tuple[str, str]
) -> None:
    container_stack.add_user("orion")
    container_stack.start_server("orion", "neighbour")
    network = container_stack.network.name
    address = container_stack.find_container("orion", "neighbour")["NetworkSettings"]["Networks"][network]["IPAddress"]
    gateway = str(container_stack.network.gateway)
    with socket.create_server((gateway, 0)) as listener:
        tried = {
            "hub": f"{gateway}:{container_stack.hub_port}",
            "another program of the host": f"{gateway}:{listener.getsockname()[1]}",
            "metadata": "169.254.169.254:80",
            "metadata over IPv6": "fd00:ec2::254:80",
            "another server": f"{address}:8888",
        }
        answers = container_stack.execute(*server, "python3", "-c", REACH, *tried.values()).stdout
    outcomes = dict(line.split(" ") for line in answers.splitlines())
    reached = [name for name, target in tried.items() if outcomes[target] == "reached"]
    assert reached == ["hub"]
    assert outcomes[tried["metadata"]] == "ConnectionRefusedError"  # the rule's word, not a silent network's
    container_stack.delete_server("orion", "neighbour")


def test_it_is_said_what_is_enforced(container_stack: ContainerStack, server: tuple[str, str]) -> None:
    api = f"http://{container_stack.hub_address}:{container_stack.hub_port}/hub/api/heliostat"
    headers = {"Authorization": f"token {BINDER_TOKEN}"}
    query = {"user": server[0], "server": server[1]}
    (volume,) = httpx.get(f"{api}/volumes", params=query, headers=headers).json()["volumes"]
    found = httpx.get(f"{api}/volumes/{volume['volume_id']}/enforcement", headers=headers).json()["enforcement"]
    assert {item["resource"]: item["limit"] for item in found if item["enforced"]} == {
        "isolation": None,
        "cpu": "0.5",
        "memory": "512MiB",
        "pids": "4096",
        "storage": "64MiB",
        "network": None,
    }


def test_its_activity_reaches_sessions_through_the_hub(
    container_stack: ContainerStack, server: tuple[str, str]
) -> None:
    variables = container_stack.find_container(*server)["Config"]["Env"]
    token = next(value for name, _, value in (v.partition("=") for v in variables) if name == "JUPYTERHUB_API_TOKEN")
    wait_for(lambda: token in [sent for sent, _ in container_stack.peers.reports])
