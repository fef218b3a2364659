"""Program run on the host just before a sandbox: enter the control groups, then become the given command.

It is a program of its own because a fork of the service's process could not safely do this much between fork and
exec. Called as `python -I -S launcher.py PLAN_FD`; the plan is JSON (see `LaunchPlan` in launch.py). Only the standard
library is used. With `identity_path` the command is detached: it outlives the caller, and its identity is on disk
before it exists, so no crash can leave an unknown process behind.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

READABLE = 0o022


def main() -> int:
    """Launch, and print what went wrong if it did not work."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        plan = json.load(file)
    if plan["identity_path"] is None:
        become(plan)
    reader, writer = os.pipe()  # closed by a successful exec
    if os.fork() == 0:
        try:
            detach(plan)
            become(plan)
        except OSError as e:
            os.write(writer, f"{plan['argv'][0]}: {e}".encode())
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        failure = file.read().decode()
    sys.stdout.write(failure)
    return 1 if failure else 0


def detach(plan: dict[str, Any]) -> None:
    """Leave the caller's session and record who we are; the identity stays the same across exec."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    for stream in (1, 2):
        os.dup2(plan["log_fd"], stream)
    os.close(plan["log_fd"])
    stat = Path("/proc/self/stat").read_text()
    identity = {
        "pid": os.getpid(),
        "start_time": int(stat[stat.rindex(")") + 2 :].split()[19]),
        "boot_id": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
    }
    path = Path(plan["identity_path"])
    staged = path.with_suffix(".new")
    staged.write_text(json.dumps(identity))
    staged.rename(path)


def become(plan: dict[str, Any]) -> None:
    """Enter the groups, so that all children are inside too, and execute the command."""
    for path in plan["procs_files"]:
        Path(path).write_text("0")
    if plan["file_limit"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (plan["file_limit"], plan["file_limit"]))
    os.umask(READABLE)
    os.execve(plan["argv"][0], plan["argv"], plan["environment"])  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
