"""Servers outlive the process that started them, never run twice on a volume, and leave nothing behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from heliostat_runtime import Servers, ServerStartError, VolumeBusyError, VolumeStore
from heliostat_runtime.server_run import ServerRun

SLEEP = "import time\nwhile True: time.sleep(1)"
GRACE = timedelta(seconds=5)
TRACE = "heliostat-trace-{}"

STARTER = """
import asyncio, json, os, sys, signal
from pathlib import Path
from heliostat_runtime import *
state, capabilities, spec = json.loads(sys.stdin.read())
async def main():
    found = HostCapabilities.model_validate(capabilities)
    servers = Servers(Path(state), found, VolumeStore(Path(state), found))
    await servers.start(ServerSpec.model_validate(spec))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


def processes_of(volume) -> list[str]:
    marker = TRACE.format(volume.volume_id).encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path.parent.name] if marker in path.read_bytes() else []
        except OSError:
            continue
    return found


@pytest.fixture
def nothing_left(volume, state, capabilities):
    def check() -> bool:
        groups = [p for base in capabilities.cgroup_directories.values() for p in base.rglob(f"*{volume.volume_id}*")]
        mounted = volume.volume_id in Path("/proc/self/mounts").read_text()
        return not (processes_of(volume) or groups or mounted or list((state / "run" / "servers").glob("*")))

    return check


@pytest.fixture
def start_and_die(state, capabilities):
    """Start a server from a process that is killed right after."""

    async def start(spec) -> None:
        message = json.dumps([str(state), capabilities.model_dump(mode="json"), spec.model_dump(mode="json")])
        command = [sys.executable, "-c", STARTER]
        done = await asyncio.to_thread(subprocess.run, command, input=message.encode(), env=os.environ, check=False)
        assert done.returncode == -signal.SIGKILL

    return start


async def wait_until_there(volume) -> None:
    """Wait for the program that the entry program becomes after it has said that all is ready."""
    await wait_for_processes(volume, 1)


async def wait_until_gone(volume) -> None:
    await wait_for_processes(volume, 0)


async def wait_for_processes(volume, count: int) -> None:
    for _ in range(500):
        if len(processes_of(volume)) == count:
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"not {count}: {processes_of(volume)}")


@pytest.fixture
def isolated(capabilities, require):
    """A detached child can be found only in a sandbox or a control group."""
    require(capabilities.isolation)


@pytest.fixture
def sleeper(specify, volume):
    command = (*specify(SLEEP).command, TRACE.format(volume.volume_id))
    return specify(SLEEP).model_copy(update={"command": command})


async def test_stopping_leaves_nothing(servers, sleeper, volume, nothing_left):
    server = await servers.start(sleeper)
    await wait_until_there(volume)
    status = await server.stop(grace=GRACE)
    assert status.exit_code in {128 + signal.SIGTERM, None}
    assert nothing_left()


@pytest.mark.usefixtures("isolated")
async def test_a_server_that_ignores_sigterm_is_killed(servers, specify, wait_for_output, nothing_left):
    program = (
        "import signal, subprocess, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"subprocess.Popen(['/usr/bin/setsid', '/bin/sleep', '1000'])\nprint('up', flush=True)\n{SLEEP}"
    )
    server = await servers.start(specify(program))
    await wait_for_output(server, "up")
    await server.stop(grace=timedelta(milliseconds=200))
    assert nothing_left()


async def test_a_stopped_server_starts_again_with_its_files(run_inside):
    await run_inside("open('kept', 'w').write('mine')")
    assert (await run_inside("print(open('kept').read())")).output == "mine\n"


async def test_of_two_starts_on_one_volume_one_wins(state, capabilities, sleeper, servers):
    others = Servers(state, capabilities, VolumeStore(state, capabilities))
    started = await asyncio.gather(servers.start(sleeper), others.start(sleeper), return_exceptions=True)
    winners = [server for server in started if not isinstance(server, BaseException)]
    assert [type(e) for e in started if isinstance(e, BaseException)] == [VolumeBusyError]
    await winners[0].stop(grace=GRACE)


async def test_a_server_survives_its_starter_and_is_adopted(servers, sleeper, volume, start_and_die, nothing_left):
    await start_and_die(sleeper)
    await wait_until_there(volume)
    with pytest.raises(VolumeBusyError):
        await servers.start(sleeper)
    server = await servers.adopt(volume.volume_id)
    assert server is not None
    assert (await server.poll()).running
    await server.stop(grace=GRACE)
    assert nothing_left()
    assert await servers.adopt(volume.volume_id) is None


async def test_reconciling_kills_what_nobody_claims(servers, sleeper, volume, start_and_die, nothing_left):
    await start_and_die(sleeper)
    await servers.reconcile({volume.volume_id})
    await wait_until_there(volume)
    await servers.reconcile(set())
    assert nothing_left()


async def test_reconciling_leaves_own_servers_alone(servers, sleeper):
    server = await servers.start(sleeper)
    await servers.reconcile(set())
    assert (await server.poll()).running
    await server.stop(grace=GRACE)


async def test_an_ended_server_is_noticed_and_cleaned_up(servers, specify, volume, wait_for_end, nothing_left):
    server = await servers.start(specify("raise SystemExit(3)"))
    await wait_for_end(server)
    assert (await server.poll()).exit_code in {3, None}
    assert [record.volume_id for record in await servers.list_()] == [volume.volume_id]
    await servers.reconcile(set())
    assert nothing_left()


async def test_a_command_that_does_not_exist_is_reported(servers, specify, nothing_left):
    server = await servers.start(specify("", command=("/nowhere/server",)))
    with pytest.raises(ServerStartError, match="/nowhere/server"):
        await server.wait_until_listening(1, deadline=GRACE)
    await server.stop(grace=GRACE)
    assert nothing_left()


async def test_waiting_for_the_port_sees_the_server_and_its_end(servers, specify, wait_for_output):
    listen = "import socket, time\ns = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\n"
    server = await servers.start(specify(listen + "time.sleep(60)"))
    port = int(await wait_for_output(server, "[0-9]+"))
    await server.wait_until_listening(port, deadline=GRACE)
    await server.stop(grace=GRACE)
    server = await servers.start(specify("print('sorry', flush=True)"))
    with pytest.raises(ServerStartError, match="sorry"):
        await server.wait_until_listening(port, deadline=GRACE)
    await server.stop(grace=GRACE)


async def test_a_server_that_ends_while_it_is_looked_at_was_started(servers, specify, monkeypatch):
    looked, reports = threading.Event(), ServerRun.reports

    def read_and_linger(run):
        found = reports(run)
        if not looked.is_set():
            looked.set()
            until = time.monotonic() + GRACE.total_seconds()
            while run.is_running() and time.monotonic() < until:
                time.sleep(0.01)  # in a thread, as the runtime reads reports; until the server has ended
        return found

    monkeypatch.setattr(ServerRun, "reports", read_and_linger)
    server = await servers.start(specify("print('sorry', flush=True)"))
    with pytest.raises(ServerStartError, match="sorry"):
        await server.wait_until_listening(1, deadline=GRACE)
    await server.stop(grace=GRACE)


@pytest.mark.parametrize("milliseconds", [0, 1, 3, 10, 30, 60])
async def test_a_cancelled_start_leaves_nothing(servers, sleeper, nothing_left, milliseconds):
    starting = asyncio.create_task(servers.start(sleeper))
    await asyncio.sleep(milliseconds / 1000)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert nothing_left()


@pytest.mark.usefixtures("isolated")
async def test_what_a_server_leaves_running_ends_with_it(servers, specify, volume, wait_for_end):
    command = ["/usr/bin/setsid", "/bin/bash", "-c", f"exec -a {TRACE.format(volume.volume_id)} sleep 1000"]
    server = await servers.start(specify(f"import subprocess; subprocess.Popen({command})"))
    await wait_for_end(server)
    await wait_until_gone(volume)
    assert (await server.stop(grace=GRACE)).exit_code == 0
