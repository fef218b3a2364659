"""Program that has imported a server's modules once, and forks servers into sandboxes that are ready for them.

Called as `python -I fork_server.py SOCKET_FD MODULE PADDING` with the interpreter of a base environment and nothing
secret in its memory or environment. Besides the standard library it imports `MODULE.preload`. A request is one byte
with descriptors: the plan (`ForkPlan` in fork_servers.py), the gate, the log, the pidfd of the sandbox's first process,
and the cgroup.procs files. The socket's end is this program's.

Of the processes made for a request the *joiner* enters groups and namespaces; a child of its child, the *guard*, is
adopted by the sandbox's first process, gives up all rights, and waits for the *server*. The entry program at the other
end of the gate decides: only after its "go" does anything of the server run.
"""

import array
import contextlib
import ctypes
import gc
import importlib
import json
import locale
import os
import resource
import runpy
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

MESSAGE = 4096  # bytes; no message over the gate is longer
DESCRIPTORS = 16
READABLE = 0o022
MOUNT, CGROUP, UTS, IPC, USER, PID = 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000
READ_SEARCH, SETGID, SETUID, SETPCAP, SYS_CHROOT, SYS_ADMIN = 2, 6, 7, 8, 18, 21
NEEDED = (READ_SEARCH, SETGID, SETUID, SETPCAP, SYS_CHROOT, SYS_ADMIN)  # the environment may be in a private place
SET_DUMPABLE, DROP_BOUNDING, NO_NEW_PRIVILEGES, AMBIENT, AMBIENT_CLEAR = 4, 24, 38, 47, 4
CAPABILITIES_VERSION = 0x20080522
READ_BEFORE_PYTHON = ("GLIBC_TUNABLES", "LANG", "LC_", "LD_", "MALLOC_", "OPENSSL_", "TZ")

libc = ctypes.CDLL(None, use_errno=True)
CAPABILITIES = int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1


class WatchedEnvironment(os._Environ):  # type: ignore[type-arg]  # noqa: SLF001  the only way to see who reads it
    """The environment, which notes the names that are read: what a module took at import, it does not take again."""

    names: set[str] = set()  # noqa: RUF012  one for the process

    def __getitem__(self, key: str) -> str:  # type: ignore[explicit-override]  # typing_extensions is not here
        self.names.add(key)
        value: str = super().__getitem__(key)
        return value


def main() -> None:
    """Import, and serve; returns as a server, when that has ended."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    module = sys.argv[2]
    set_command_line([*sys.orig_argv[:2], "fork-server", module])
    if os.getuid() == 0:
        try:
            limit_capabilities(NEEDED)
            set_capabilities(NEEDED)
        except OSError as e:
            sys.exit(f"servers cannot be forked here: {e}")
    before = dict(os.environ)
    preload(module)
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        sys.exit(f"{module}.preload starts threads, which a fork would lose")
    connection.send(b"ready")
    descriptors = serve(connection)
    connection.close()
    become_server(module, descriptors, before)


def preload(module: str) -> None:
    """Import what servers need, and keep the garbage collector from touching, and so copying, its pages."""
    os.environ.__class__ = WatchedEnvironment
    gc.disable()
    imported = importlib.import_module(f"{module}.preload")
    WatchedEnvironment.names.difference_update(getattr(imported, "INDEPENDENT_OF", ()))
    os.environ.__class__ = os._Environ  # noqa: SLF001
    gc.collect()
    gc.freeze()


def serve(connection: socket.socket) -> list[int]:
    """Answer requests until the socket's end; return only in a process that was forked for one."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # joiners are reaped by the kernel
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, 1, DESCRIPTORS)
        if not message:
            os._exit(0)
        with contextlib.suppress(OSError):  # too many processes: the gate is closed, and the ordinary way taken
            if os.fork() == 0:
                return descriptors
        for descriptor in descriptors:
            os.close(descriptor)


def become_server(module: str, descriptors: list[int], before: dict[str, str]) -> None:
    """Do everything between a request and the server's own code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    plan_fd, gate, log, sandbox, *groups = descriptors
    try:
        for stream in (1, 2):
            os.dup2(log, stream)
        os.close(log)
        with os.fdopen(plan_fd, "rb") as file:
            plan = json.load(file)
        check_environment(before, plan["environment"])
        join(plan, gate, sandbox, groups)
        drop_rights(plan["uid"])
        settle(plan)
        part_from_guard(gate)
    except Exception as e:  # noqa: BLE001  whatever it is: the ordinary way is taken, and nothing more runs here
        with contextlib.suppress(OSError):
            os.write(gate, json.dumps({"failed": f"{type(e).__name__}: {e}"[: MESSAGE // 8]}).encode())
        os._exit(1)
    run(module, plan)


def check_environment(before: dict[str, str], environment: dict[str, str]) -> None:
    """Refuse an environment that differs in what was read while importing, or by the C library before Python."""
    early = {name for name in (*before, *environment) if name.startswith(READ_BEFORE_PYTHON)}
    different = sorted(n for n in early | WatchedEnvironment.names if before.get(n) != environment.get(n))
    if different:
        raise ValueError(f"{', '.join(different)} would have been read at import")


def join(plan: dict[str, Any], gate: int, sandbox: int, groups: list[int]) -> None:
    """Enter the groups and, when it is prepared, the sandbox; return in the guard.

    From here to `drop_rights` nothing may be imported or opened: the files are the sandbox's, the rights not yet.
    """
    control(SET_DUMPABLE, 0)  # nobody may trace joiner and guard, or read their memory
    for group in groups:
        os.write(group, b"0")
        os.close(group)
    if not os.read(gate, MESSAGE):
        os._exit(0)
    namespaces = MOUNT | CGROUP | UTS | IPC | PID | (USER if plan["user_namespace"] else 0)
    call("setns", sandbox, namespaces)
    os.close(sandbox)
    # An orphan goes to the first process of its parent's pid namespace, so the parent has to be inside as well.
    if inside := os.fork():
        os.waitpid(inside, 0)
        os._exit(0)
    if os.fork():
        os._exit(0)


def drop_rights(uid: int | None) -> None:
    """Become the server's user, when there is one to become, without any capability, for good."""
    limit_capabilities(())
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    set_capabilities(())


def settle(plan: dict[str, Any]) -> None:
    """Make the process what the launcher and the entry program make of an ordinary one."""
    os.setsid()
    os.umask(READABLE)
    if (limit := plan["file_limit"]) is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    os.chdir(plan["home"])


def part_from_guard(gate: int) -> None:
    """Fork the server, and return in it when the entry program says so; the guard reports its end."""
    released, release = os.pipe()
    server = os.fork()
    if server == 0:
        os.close(release)
        if not os.read(released, 1):
            os._exit(0)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.setsid()
        control(SET_DUMPABLE, 1)  # as after an exec; else /proc/self would be root's
        return
    os.write(gate, json.dumps({"server": server}).encode())
    if not os.read(gate, MESSAGE):
        os._exit(0)
    os.write(release, b"g")
    _, status = os.waitpid(server, 0)
    os.write(gate, json.dumps({"exit_code": os.waitstatus_to_exitcode(status)}).encode())
    os._exit(0)


def run(module: str, plan: dict[str, Any]) -> None:
    """Run the server as `python -I -m MODULE` would."""
    command = plan["command"]
    os.environ.clear()
    os.environ.update(plan["environment"])
    time.tzset()
    locale.setlocale(locale.LC_CTYPE, "")
    set_command_line(command)
    sys.orig_argv[:] = command
    sys.argv[:] = command[3:]
    if "multiprocessing.process" in sys.modules:  # its key was drawn before the fork
        sys.modules["multiprocessing.process"].current_process().authkey = os.urandom(32)
    gc.enable()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def limit_capabilities(kept: tuple[int, ...]) -> None:
    """Give up, for ever, to get any other capabilities, by executing a program or otherwise."""
    for capability in range(CAPABILITIES):
        if capability not in kept:
            control(DROP_BOUNDING, capability)
    control(AMBIENT, AMBIENT_CLEAR)
    control(NO_NEW_PRIVILEGES, 1)


def set_capabilities(kept: tuple[int, ...]) -> None:
    """Keep these capabilities, none of them inheritable; see capset(2)."""
    header = array.array("I", [CAPABILITIES_VERSION, 0])
    mask = sum(1 << capability for capability in kept)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    data = array.array("I", [low, low, 0, high, high, 0])
    call("capset", ctypes.c_void_p(header.buffer_info()[0]), ctypes.c_void_p(data.buffer_info()[0]))


def control(option: int, value: int) -> None:
    """Call prctl(2)."""
    call("prctl", option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3)


def call(name: str, *arguments: Any) -> None:
    """Call a function of the C library that returns 0."""
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def set_command_line(command: list[str]) -> None:
    """Show a command in /proc/self/cmdline, in the room the arguments of this program's start take."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    text = b"".join(os.fsencode(argument) + b"\0" for argument in command)
    ctypes.memmove(start, text[: end - start - 1].ljust(end - start, b"\0"), end - start)


if __name__ == "__main__":
    main()
