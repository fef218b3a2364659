"""A forked server is as one that was started the ordinary way, and where forking fails the ordinary way is taken."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from heliostat_runtime import ContentStore, Limits, Servers

GRACE = timedelta(seconds=5)
LONG_AGO = 10**9

FACTS = """
import ctypes, json, locale, os, resource, signal, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
kept = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Umask",
        "SigBlk", "SigIgn", "SigCgt", "Threads", "TracerPid", "Cpus_allowed", "Mems_allowed")
names = sorted(os.listdir("/proc/self/fd"), key=int)[:-1]
limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")}
print(json.dumps({
    "status": {name: status[name].split() for name in kept},
    "namespaces as of the entry program": {
        name: os.readlink(f"/proc/self/ns/{name}") == os.readlink(f"/proc/2/ns/{name}")
        for name in os.listdir("/proc/self/ns")
    },
    "groups as of the entry program": open("/proc/self/cgroup").read() == open("/proc/2/cgroup").read(),
    "mounts": [line.split()[4:6] for line in open("/proc/self/mountinfo")],
    "descriptors": {name: os.readlink(f"/proc/self/fd/{name}").rpartition("/")[2] for name in names},
    "owner of /proc/self": os.stat("/proc/self/environ").st_uid,
    "leads its session": os.getsid(0) in (os.getpid(), 1),
    "environment": dict(os.environ), "directory": os.getcwd(), "arguments": [sys.argv[0], len(sys.argv)],
    "command": sys.orig_argv[:4], "seen command": open("/proc/self/cmdline").read().split("\\0")[:4],
    "path": sys.path, "flags": list(sys.flags), "limits": limits, "nice": os.nice(0),
    "oom": open("/proc/self/oom_score_adj").read(), "locale": locale.setlocale(locale.LC_ALL),
    "encodings": [sys.stdout.encoding, sys.getfilesystemencoding()], "main": __name__,
    "handlers": [str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE)],
    "executable": sys.executable, "program": os.readlink("/proc/self/exe"),
    "rights": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), "excepthook": sys.excepthook is sys.__excepthook__,
}))
"""

STARTER = """
import asyncio, json, os, sys, signal
from pathlib import Path
from heliostat_runtime import *
state, capabilities, spec = json.loads(sys.stdin.read())
async def main():
    found, given = HostCapabilities.model_validate(capabilities), ServerSpec.model_validate(spec)
    servers = Servers(Path(state), found, VolumeStore(Path(state), found))
    await servers.preload(given.base_environment, "served")
    while not servers.is_preloaded(given): await asyncio.sleep(0.01)
    await servers.start(given)
    print(*(file.read_text() for file in Path("/proc/self/task").glob("*/children")), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def _isolated(capabilities, require):
    require(capabilities.isolation)


@pytest.fixture
async def servers(state, capabilities, volumes):
    servers = Servers(state, capabilities, volumes, fork_deadline=timedelta(seconds=2))
    yield servers
    await servers.close()


@pytest.fixture
def specify(specify, environment):
    def build(program: str, **changes):
        command = (str(environment / "bin/python"), "-I", "-m", "served", program)
        return specify(program, **{"command": command, **changes})

    return build


@pytest.fixture
def fork_servers():
    """List the fork servers of this process: those that are asked, not what they fork."""

    def find() -> list[int]:
        children = [pid for thread in Path("/proc/self/task").glob("*/children") for pid in thread.read_text().split()]
        return [int(pid) for pid in children if b"fork-server" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    return find


@pytest.fixture
def preloaded(servers, environment, specify, fork_servers):
    """Have a fork server that is ready."""

    async def ensure() -> int:
        await servers.preload(environment, "served")
        async with asyncio.timeout(20):
            while not servers.is_preloaded(specify("")):
                await asyncio.sleep(0.01)
        (pid,) = fork_servers()
        return pid

    return ensure


@pytest.fixture
def read_fork(state, volume):
    """Read how the last server came to be."""

    def read() -> dict[str, Any]:
        lines = (state / "run/servers" / volume.volume_id / "report").read_text().splitlines()
        return next(fork for line in lines if (fork := json.loads(line).get("fork")) is not None)

    return read


async def test_a_forked_server_differs_in_nothing_from_an_ordinary_one(run_inside, preloaded):
    variables = {"TOKEN": "s3cret", "HOME": "/elsewhere"}
    ordinary = json.loads((await run_inside(FACTS, environment_variables=variables)).output)
    await preloaded()
    forked = json.loads((await run_inside(FACTS, environment_variables=variables)).output)
    assert forked == ordinary
    assert all(forked["namespaces as of the entry program"].values())
    assert forked["status"]["CapEff"] == ["0" * 16]
    assert list(forked["descriptors"]) == ["0", "1", "2"]


async def test_a_server_is_forked_into_the_sandbox_and_its_group(
    servers, specify, preloaded, read_fork, wait_for_output, capabilities
):
    await preloaded()
    program = "import os, time; print(os.getppid(), os.getpid(), flush=True); time.sleep(60)"
    server = await servers.start(specify(program, limits=Limits(memory=2**30)))
    guard, pid = map(int, (await wait_for_output(server, r"\d+ \d+")).split())
    assert read_fork() == {"server": pid}
    assert guard > 2
    if capabilities.memory.enforced:
        assert len(await server.group.list_pids()) == 5  # two of bubblewrap, entry program, guard, server
    await server.stop(grace=GRACE)
    assert await server.group.list_pids() == set()


@pytest.mark.parametrize(
    ("program", "code"),
    [("raise SystemExit(3)", 3), ("1/0", 1), ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137)],
)
async def test_the_exit_code_is_the_servers(run_inside, preloaded, program, code):
    await preloaded()
    assert (await run_inside(program)).exit_code == code


async def test_a_server_is_asked_to_end(servers, specify, preloaded, wait_for_output, state, volume):
    await preloaded()
    program = "import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: print('bye', flush=True) or exit(7))\n"
    server = await servers.start(specify(program + "print('up', flush=True)\ntime.sleep(60)"))
    await wait_for_output(server, "up")
    assert (await server.stop(grace=GRACE)).exit_code == 7
    assert (state / "logs/servers" / f"{volume.volume_id}.log").read_text() == "up\nbye\n"


async def test_names_in_the_home_do_not_matter(run_inside, preloaded, tmp_path, state):
    checkout = tmp_path / "checkout"
    for name in (
        "json.py",
        "uuid.py",
        "colorsys.py",
        "served/preload.py",
        "served/__main__.py",
        "encodings/__init__.py",
    ):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("raise RuntimeError('hostile')\n")
    archive = await ContentStore(state).ensure("abc", checkout)
    await preloaded()
    outcome = await run_inside("import colorsys, json, os; print(os.path.exists('json.py'))", contents=archive)
    assert outcome.output == "True\n"


async def test_the_guard_can_be_neither_read_nor_traced(run_inside, preloaded):
    await preloaded()
    program = (
        "import ctypes, os\nguard = os.getppid()\n"
        "def refused(name):\n"
        "    try: open(f'/proc/{guard}/{name}', 'rb').read(1)\n"
        "    except PermissionError: return True\n"
        "attach = ctypes.CDLL(None).ptrace(16, guard, None, None)\n"
        "print([refused(name) for name in ('mem', 'environ', 'maps')], attach)"
    )
    assert (await run_inside(program)).output == "[True, True, True] -1\n"


async def test_what_is_random_differs_between_servers(run_inside, preloaded):
    await preloaded()
    program = (
        "import multiprocessing, random, ssl, uuid\n"
        "print(random.random(), uuid.uuid4(), bytes(multiprocessing.current_process().authkey), ssl.RAND_bytes(8))"
    )
    first, second = [(await run_inside(program)).output.split() for _ in range(2)]
    assert not set(first) & set(second)


async def test_secrets_never_reach_the_fork_server(servers, specify, preloaded, wait_for_output):
    pid = await preloaded()
    secret = f"s3cret-{os.urandom(8).hex()}"
    server = await servers.start(
        specify(
            "import os, time; print(os.environ['TOKEN'], flush=True); time.sleep(60)",
            environment_variables={"TOKEN": secret},
        )
    )
    assert await wait_for_output(server, "s3cret.*") == secret
    found, environment = await asyncio.to_thread(read_memory, pid)
    assert b"served.preload" in found
    assert secret.encode() not in found
    assert b"s3cret" not in environment
    await server.stop(grace=GRACE)


async def test_a_killed_fork_server_is_missed_by_nobody(servers, specify, preloaded, read_fork, run_inside):
    pid = await preloaded()
    running = await servers.start(specify("import time; time.sleep(60)"))
    os.kill(pid, signal.SIGKILL)
    assert (await running.poll()).running
    await running.stop(grace=GRACE)
    assert (await run_inside("print('ordinary')")).output == "ordinary\n"
    assert await preloaded() != pid
    server = await servers.start(specify("pass"))
    assert "server" in read_fork()
    await server.stop(grace=GRACE)


async def test_it_ends_with_its_owner_and_leaves_the_servers(
    servers, specify, state, capabilities, volume, volumes, read_fork
):
    spec = specify("import time; time.sleep(60)")
    message = json.dumps([str(state), capabilities.model_dump(mode="json"), spec.model_dump(mode="json")])
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", STARTER], input=message.encode(), stdout=subprocess.PIPE, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert "server" in read_fork()
    (fork_server,) = map(int, done.stdout.split())
    async with asyncio.timeout(5):
        while is_running(fork_server):
            await asyncio.sleep(0.01)
    server = await servers.adopt(volume.volume_id)
    assert server is not None
    await server.stop(grace=GRACE)
    assert not await volumes.is_leased(volume.volume_id)


def read_memory(pid: int) -> tuple[bytes, bytes]:
    """Read what a process could write, and the environment it was started with."""
    found = b""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            start, end = (int(number, 16) for number in line.split()[0].split("-"))
            if "rw" in line.split()[1]:
                memory.seek(start)
                found += memory.read(end - start)
    return found, Path(f"/proc/{pid}/environ").read_bytes()


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_one_that_hangs_is_not_waited_for_and_starts_nothing_later(
    servers, specify, preloaded, read_fork, wait_for_output
):
    pid = await preloaded()
    os.kill(pid, signal.SIGSTOP)
    server = await servers.start(specify("import os, time; print(os.getpid(), flush=True); time.sleep(60)"))
    assert await wait_for_output(server, r"\d+") == "2"
    assert read_fork() == {"failed": "it took too long"}
    os.kill(pid, signal.SIGCONT)
    await asyncio.sleep(0.3)  # long enough for a fork
    assert await server.read_log_end() == "2"
    await server.stop(grace=GRACE)


async def test_what_was_read_while_importing_must_be_the_servers(
    servers, specify, preloaded, read_fork, wait_for_output
):
    await preloaded()
    program = "import os, time, served.preload as p; print(p.READ, os.getpid(), flush=True); time.sleep(60)"
    server = await servers.start(specify(program, environment_variables={"READ": "mine"}))
    assert await wait_for_output(server, "mine.*") == "mine 2"
    assert "READ" in read_fork()["failed"]
    await server.stop(grace=GRACE)


async def test_a_start_script_and_other_commands_are_not_forked(servers, specify, preloaded, environment, tmp_path):
    await preloaded()
    script = tmp_path / "start"
    script.write_text('#!/bin/sh\nexec "$@"\n')
    other = (str(environment / "bin/python"), "-I", "-c", "pass")
    assert not servers.is_preloaded(specify("", start_script=script))
    assert not servers.is_preloaded(specify("", command=other))


async def test_a_changed_base_environment_has_another_fork_server(servers, specify, preloaded, environment):
    pid = await preloaded()
    os.utime(environment / "pyvenv.cfg", (LONG_AGO, LONG_AGO))
    assert not servers.is_preloaded(specify(""))
    assert await preloaded() != pid


async def test_one_that_cannot_import_is_not_tried_again(servers, environment, fork_servers, tmp_path):
    tries = tmp_path / "tries"
    broken = next(environment.glob("lib/python3.*/site-packages")) / "broken"
    broken.mkdir()
    (broken / "preload.py").write_text(f"open({str(tries)!r}, 'a').write('x')\nraise ImportError('broken')\n")
    await servers.preload(environment, "broken")
    async with asyncio.timeout(10):
        while not tries.exists() or fork_servers():
            await asyncio.sleep(0.01)
    for _ in range(10):
        await servers.preload(environment, "broken")
        await asyncio.sleep(0.03)
    assert tries.read_text() == "x"


async def test_an_interpreter_that_servers_could_write_is_not_shared(servers, environment, state, fork_servers):
    interpreter = state / "python3"
    interpreter.write_bytes((environment / "bin/python").resolve().read_bytes())
    interpreter.chmod(0o777)
    base = state / "base"
    (base / "bin").mkdir(parents=True)
    (base / "lib").symlink_to(environment / "lib")
    (base / "bin/python").symlink_to(interpreter)
    (base / "pyvenv.cfg").write_text((environment / "pyvenv.cfg").read_text())
    await servers.preload(base, "served")
    assert fork_servers() == []
