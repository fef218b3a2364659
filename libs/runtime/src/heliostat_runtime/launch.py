"""Start commands in a sandbox: as a child (builds), or detached from this process (servers)."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from . import launcher
from .capabilities import HostCapabilities
from .cgroups import ControlGroup
from .commands import run_command
from .limits import Frozen
from .sandbox import build_drop_arguments, build_sandbox_options, read_system_layout
from .sandbox_spec import SandboxSpec, build_system_files

__all__ = ["Sandbox", "memory_file"]


class LaunchPlan(Frozen):
    """What the launcher is to do; `file_limit` is the largest file, in bytes, the command may write."""

    argv: tuple[str, ...]
    environment: dict[str, str]
    procs_files: tuple[Path, ...] = ()
    file_limit: int | None = None
    identity_path: Path | None = None
    log_fd: int | None = None


class Command(NamedTuple):
    """A command line with the descriptors it refers to; valid inside the context that made it."""

    argv: tuple[str, ...]
    environment: dict[str, str]
    descriptors: tuple[int, ...]


class Sandbox:
    """Starts commands as isolated as this host allows."""

    def __init__(self, capabilities: HostCapabilities) -> None:
        self._capabilities = capabilities

    async def start(
        self, spec: SandboxSpec, argv: Sequence[str], *, group: ControlGroup | None = None
    ) -> asyncio.subprocess.Process:
        """Start a command as our child, with stdout and stderr in one pipe and nothing to read.

        Killing the returned process kills everything in the sandbox; without isolation kill `group` too.
        """
        with self.command(spec, argv) as command:
            plan = LaunchPlan(
                argv=command.argv, environment=command.environment, procs_files=group.procs_files if group else ()
            )
            with memory_file(plan.model_dump_json().encode()) as plan_fd:
                return await asyncio.create_subprocess_exec(
                    *_launcher_arguments(plan_fd),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    env={},
                    pass_fds=(plan_fd, *command.descriptors),
                )

    async def start_detached(
        self, command: Command, *, group: ControlGroup, file_limit: int | None, run: "RunFiles"
    ) -> None:
        """Start a command that outlives this process; it is on disk as `run.identity_path` before it executes.

        Raises
        ------
        HostCommandError
            The launcher could not enter the groups or execute the command.
        """
        plan = LaunchPlan(
            argv=command.argv,
            environment=command.environment,
            procs_files=group.procs_files,
            file_limit=file_limit,
            identity_path=run.identity_path,
            log_fd=run.log_fd,
        )
        with memory_file(plan.model_dump_json().encode()) as plan_fd:
            descriptors = (plan_fd, run.log_fd, *command.descriptors)
            await run_command(_launcher_arguments(plan_fd), pass_fds=descriptors)

    @contextmanager
    def command(
        self, spec: SandboxSpec, argv: Sequence[str], *, options: Sequence[str] = (), descriptors: Sequence[int] = ()
    ) -> Iterator[Command]:
        """Build the whole command line; `options` are more options of bubblewrap, left out where it is not usable."""
        identity = spec.identity if self._capabilities.own_uids else None
        if self._capabilities.own_uids and identity is None:
            raise ValueError("a service that can change uids names the identity its sandboxes run as")
        drop = build_drop_arguments(identity, spec.working_directory) if identity else []
        mode = self._capabilities.sandbox_mode
        if mode is None:
            yield Command((*drop, *argv), dict(spec.environment), tuple(descriptors))
            return
        uid, gid = (identity.uid, identity.gid) if identity else (os.getuid(), os.getgid())
        files = [*build_system_files(spec, uid=uid, gid=gid), *spec.data_files]
        with memory_files([file.content for file in files]) as opened:
            built = build_sandbox_options(
                spec, list(zip(files, opened, strict=True)), mode=mode, layout=read_system_layout()
            )
            with memory_file(b"".join(option.encode() + b"\0" for option in [*built, *options])) as options_fd:
                bwrap = [str(self._capabilities.bwrap), "--args", str(options_fd), "--"]
                yield Command((*bwrap, *drop, *argv), {}, (options_fd, *opened, *descriptors))


class RunFiles(NamedTuple):
    """Where a detached command leaves its traces on the host."""

    identity_path: Path
    log_fd: int


@contextmanager
def memory_file(content: bytes) -> Iterator[int]:
    """Open an anonymous file for a child to read."""
    descriptor = os.memfd_create("heliostat")
    try:
        written = os.write(descriptor, content)
        if written != len(content):
            raise BlockingIOError(written)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def memory_files(contents: Sequence[bytes]) -> Iterator[list[int]]:
    """Open one anonymous file per content."""
    if not contents:
        yield []
        return
    with memory_file(contents[0]) as first, memory_files(contents[1:]) as others:
        yield [first, *others]


def _launcher_arguments(plan_fd: int) -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(launcher.__file__)), str(plan_fd)]
