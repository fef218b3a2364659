"""Limits are tested by exceeding them; the host and the server itself go on."""

import asyncio
from datetime import timedelta

from heliostat_runtime import Limits


async def test_a_process_that_takes_too_much_memory_is_killed(run_inside, capabilities, require):
    require(capabilities.memory)
    program = (
        "import subprocess, sys\n"
        "hog = subprocess.run([sys.executable, '-c', 'x = bytearray(400 * 2**20)'])\n"
        "print('server goes on', hog.returncode)"
    )
    outcome = await run_inside(program, limits=Limits(memory=128 * 2**20))
    assert outcome.output.strip() == "server goes on -9"
    assert outcome.exit_code == 0


async def test_cpu_time_is_bounded(servers, specify, capabilities, require):
    require(capabilities.cpu)
    burn = "import threading, hashlib\nwhile True: hashlib.sha256(bytes(10**6))"
    server = await servers.start(specify(burn, limits=Limits(cpu=0.3)))
    before = (await server.read_usage()).cpu
    await asyncio.sleep(2)
    used = (await server.read_usage()).cpu - before
    await server.stop(grace=timedelta(seconds=1))
    assert 0.3 < used < 0.9  # 0.6, and at most some periods around it


async def test_a_fork_bomb_is_stopped(run_inside, capabilities, require):
    require(capabilities.pids)
    program = (
        "import os, time\nn = 0\n"
        "try:\n    while True:\n        if os.fork() == 0: time.sleep(60)\n        n += 1\n"
        "except OSError as e: print('stopped', n < 32, e.strerror)"
    )
    outcome = await run_inside(program, limits=Limits(pids=32))
    assert outcome.output.strip() == "stopped True Resource temporarily unavailable"


async def test_storage_is_bounded(run_inside, volume, capabilities, require):
    require(capabilities.storage)
    program = (
        "n = 0\n"
        "try:\n    with open('big', 'wb', 0) as f:\n        while True: n += f.write(bytes(2**16))\n"
        "except OSError as e: print(n, e.strerror)"
    )
    outcome = await run_inside(program)
    written, message = outcome.output.split(" ", 1)
    assert message.strip() in {"No space left on device", "File too large"}
    assert 0.95 * volume.size < int(written) <= volume.size
    full = await run_inside("print('starts with a full volume')")
    assert full.output.strip() == "starts with a full volume"


async def test_unlimited_resources_are_not_called_enforced(servers, specify):
    server = await servers.start(specify("pass", limits=Limits(cpu=1)))
    await server.stop(grace=timedelta(seconds=1))
    assert [found.resource for found in server.enforcement] == ["isolation", "cpu", "storage"]


async def test_what_is_not_enforced_has_a_reason(capabilities):
    assert all(found.enforced or found.reason for found in capabilities.as_list())
