"""Process identity."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from heliostat_runtime.processes import (
    ProcessIdentity,
    freeze_tree,
    list_descendants,
    parse_stat,
    read_identity,
    send_signal,
)


def test_a_command_name_with_parentheses_is_read():
    line = "42 (a) R (b) S 7 42 9 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 123456 1 1"
    found = parse_stat(line)
    assert (found.state, found.parent, found.session, found.start_time) == ("S", 7, 9, 123_456)


def test_a_number_used_again_is_another_process():
    me = read_identity(os.getpid())
    assert me.is_alive()
    assert not me.model_copy(update={"start_time": me.start_time - 1}).is_alive()
    assert not me.model_copy(update={"boot_id": "an earlier boot"}).is_alive()


def test_a_zombie_has_ended_and_is_not_signalled():
    with subprocess.Popen(["/bin/true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        identity = read_identity(child.pid)
        assert identity is not None
        assert not identity.is_alive()
        assert not send_signal(identity, signal.SIGKILL)
    assert not send_signal(identity, signal.SIGKILL)
    assert not ProcessIdentity(pid=identity.pid, start_time=0, boot_id="").is_alive()


def test_descendants_are_found():
    with subprocess.Popen(["/bin/sleep", "60"]) as child:
        assert child.pid in list_descendants(os.getpid())
        child.kill()


def test_a_process_that_goes_on_starting_others_is_frozen_with_all_of_them():
    marker = f"heliostat-forks-{os.getpid()}"
    # It forks for most of a second, far longer than a look takes, and not without end, should this test be killed;
    # its pauses leave the processor to the look.
    program = "import os, time\nfor _ in range(2000):\n  if not os.fork(): break\n  time.sleep(0.0001)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", program, marker]) as root:
        while len(list_descendants(root.pid)) < 10:
            time.sleep(0.01)  # until it is in the middle of it; pytest's own limit ends this
        identity = read_identity(root.pid)
        assert identity is not None
        frozen = freeze_tree(identity)
        for one in frozen:
            send_signal(one, signal.SIGKILL)
    found = {int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if marker in read(path)}
    left = found - {one.pid for one in frozen}
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert len(frozen) > 10
    assert not left


def read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
