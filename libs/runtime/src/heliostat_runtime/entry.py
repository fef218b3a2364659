"""First program inside a server's sandbox, run as the server's user: put the files in place, then become the server.

Called as `python -I -S entry.py PLAN_FD`; the plan is JSON (`EntryPlan` in server_plan.py). Only the standard library
is used: this file is shown to the sandbox alone, and runs with the interpreter of the base environment.

With a gate (a socket of packets) a fork server at its other end may make the server instead, see fork_server.py. This
program decides, in one place and once: a forked server runs when it is told so here, and then this program stands for
it as long as it lives; otherwise this program becomes the server.
"""

import contextlib
import json
import os
import select
import signal
import stat
import sys
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

STAGED = ".heliostat-unpacking"
MESSAGE = 4096  # bytes; no message over the gate is longer


def main() -> None:
    """Prepare the home and execute the server's command."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        plan = json.load(file)
    report = os.fdopen(plan["report_fd"], "a", buffering=1)
    try:
        home = Path(plan["home"])
        os.chdir(home)
        if plan["contents_fd"] is not None:
            with os.fdopen(plan["contents_fd"], "rb") as archive:
                unpack(archive, home)
            report.write(json.dumps({"populated": True}) + "\n")
        write_layer(**plan["layer"])
        fork = {} if plan["gate"] is None else accept_fork(**plan["gate"])
        report.write(json.dumps({"ready": True, "fork": fork}) + "\n")
        report.close()
        if "server" in fork:
            sys.exit(stand_for(fork["server"], plan["gate"]["descriptor"]))
        os.execve(plan["command"][0], plan["command"], plan["environment"])  # noqa: S606
    except OSError as e:
        if report.closed:
            raise
        report.write(json.dumps({"error": f"{e.strerror}: {e.filename or 'while preparing the home'}"}) + "\n")
        sys.exit(1)


def accept_fork(*, descriptor: int, deadline: float) -> dict[str, Any]:
    """Say that the sandbox is prepared and let the server run that was forked for it; `failed` says why there is none.

    The deadline is in seconds. A server that comes too late finds the gate closed, and ends before its code has run.
    """
    answered = select.poll()
    answered.register(descriptor, select.POLLIN)
    try:
        with contextlib.suppress(BrokenPipeError):  # what it said before it went away can still be read
            os.write(descriptor, b"prepared")
        answer = os.read(descriptor, MESSAGE) if answered.poll(deadline * 1000) else b'{"failed": "it took too long"}'
        fork: dict[str, Any] = json.loads(answer or b'{"failed": "the fork server went away"}')
        if "server" in fork:
            os.write(descriptor, b"go")
    except OSError as e:
        fork = {"failed": str(e)}
    if "server" not in fork:
        os.close(descriptor)
    return fork


def stand_for(server: int, gate: int) -> int:
    """Pass on the signal to end, and return the server's exit status as a shell would; 1 when nobody knows it."""

    def end(_number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(server, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    answer = os.read(gate, MESSAGE)
    code: int = json.loads(answer)["exit_code"] if answer else 1
    return code if code >= 0 else 128 - code


def unpack(archive: Any, home: Path) -> None:
    """Put an archive's files into the home; what is there stays as it is, and no link is followed on the way."""
    with tarfile.open(fileobj=archive, mode="r:") as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts
            if parts and ".." not in parts and not member.name.startswith("/"):
                unpack_member(tar, member, home, parts)


def unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, home: Path, parts: tuple[str, ...]) -> None:
    """Create one directory, link or file whose parents are real directories."""
    target = home.joinpath(*parts)
    if not all(make_directory(home.joinpath(*parts[:depth])) for depth in range(1, len(parts))):
        return
    if member.isdir():
        make_directory(target)
    elif os.path.lexists(target):
        return
    elif member.issym():
        target.symlink_to(member.linkname)
    elif (member.isreg() or member.islnk()) and (source := tar.extractfile(member)):
        # Under another name first: a crash must not leave half a file that the next start takes for the user's.
        staged = home / STAGED
        staged.unlink(missing_ok=True)
        with source, staged.open("xb") as file:
            while block := source.read(1 << 20):
                file.write(block)
            os.fchmod(file.fileno(), 0o755 if member.mode & stat.S_IXUSR else 0o644)
        staged.rename(target)


def make_directory(path: Path) -> bool:
    """Make a directory; False when something else, also a link, is in its place."""
    try:
        path.mkdir()
    except FileExistsError:
        return stat.S_ISDIR(path.lstat().st_mode)
    return True


def write_layer(
    *, path: str, interpreter: str, version: str, site_packages: str, pip_wheel: str | None, display_name: str
) -> None:
    """Make, or refresh, the writable virtual environment on top of the read-only one.

    Its site-packages come first, then those of the environment with their own .pth files, so what the user installs
    wins and nothing of the environment is written to.
    """
    layer = Path(path)
    python = layer / "bin/python"
    own_packages = layer / f"lib/python{version}/site-packages"
    kernel = layer / "share/jupyter/kernels/python3"
    for directory in (python.parent, own_packages, kernel):
        directory.mkdir(parents=True, exist_ok=True)
    settings = {"home": str(Path(interpreter).parent), "include-system-site-packages": "false", "version": version}
    write(layer / "pyvenv.cfg", "".join(f"{name} = {value}\n" for name, value in settings.items()))
    link(python, interpreter)
    link(python.with_name("python3"), "python")
    link(python.with_name(f"python{version}"), "python")
    lines = [f"import site; site.addsitedir({site_packages!r})", *([pip_wheel] if pip_wheel else [])]
    write(own_packages / "heliostat-environment.pth", "\n".join(lines) + "\n")
    script = f"#!{python}\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n"
    for name in ("pip", "pip3", f"pip{version}"):
        write(python.with_name(name), script, executable=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    specification = {"argv": argv, "display_name": display_name, "language": "python", "metadata": {"debugger": True}}
    write(kernel / "kernel.json", json.dumps(specification, indent=1))


def write(path: Path, text: str, *, executable: bool = False) -> None:
    """Write a file unless it says that already: a full volume must not keep a server from starting."""
    if path.is_file() and path.read_text(errors="replace") == text:
        return
    staged = path.with_name(f".{path.name}.new")
    staged.write_text(text)
    staged.chmod(0o755 if executable else 0o644)
    staged.replace(path)


def link(path: Path, target: str) -> None:
    """Make a symbolic link unless it is that one already."""
    if path.is_symlink() and str(path.readlink()) == target:
        return
    staged = path.with_name(f".{path.name}.new")
    staged.unlink(missing_ok=True)
    staged.symlink_to(target)
    staged.replace(path)


if __name__ == "__main__":
    main()
