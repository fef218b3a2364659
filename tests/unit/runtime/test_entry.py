"""The program that prepares a home: hostile archives and homes."""

import io
import os
import socket
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from heliostat_runtime.entry import accept_fork, unpack, write_layer


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


def archive(*members: tuple[str, bytes | str]) -> io.BytesIO:
    """Build an archive; bytes are a file's content, text is a link's target."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "a/../../escaped"])
def test_a_member_outside_the_home_is_left_out(home, name):
    unpack(archive((name, b"x")), home)
    assert list(home.parent.rglob("escaped")) == []


def test_no_link_is_followed(home, tmp_path):
    (tmp_path / "outside").mkdir()
    unpack(archive(("link", str(tmp_path / "outside")), ("link/file", b"x")), home)
    assert list((tmp_path / "outside").iterdir()) == []
    assert (home / "link").is_symlink()


def test_what_is_there_stays(home):
    (home / "notes").write_text("mine")
    (home / "data").write_text("a file where the repository has a directory")
    unpack(archive(("notes", b"theirs"), ("data/x", b"y"), ("new", b"z")), home)
    assert (home / "notes").read_text() == "mine"
    assert (home / "data").is_file()
    assert (home / "new").read_bytes() == b"z"


def test_half_a_file_is_never_left(home):
    broken = archive(("big", b"x" * 100_000)).getvalue()[:50_000]
    with pytest.raises(tarfile.ReadError):
        unpack(io.BytesIO(broken), home)
    assert not (home / "big").exists()
    unpack(archive(("big", b"x" * 100_000)), home)
    assert [path.name for path in home.iterdir()] == ["big"]


def test_the_layer_is_a_valid_environment_and_stays_when_it_is_right(home, tmp_path):
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "pinned.py").touch()
    layer: dict[str, Any] = {
        "path": str(home / "layer"),
        "interpreter": os.path.realpath(sys.executable),
        "version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "site_packages": str(tmp_path / "packages"),
        "pip_wheel": None,
        "display_name": "Python 3 (demo)",
    }
    write_layer(**layer)
    code = "import sys, pinned; print(sys.prefix, sys.prefix != sys.base_prefix)"
    done = subprocess.run([home / "layer/bin/python", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{home / 'layer'} True\n"
    before = {path: path.lstat().st_mtime_ns for path in home.rglob("*") if not path.is_dir()}
    write_layer(**layer)
    assert {path: path.lstat().st_mtime_ns for path in before} == before


@pytest.fixture
def gate():
    """Both ends; `accept_fork` closes the first when no server was forked."""
    inside, outside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with outside:
        yield inside.detach(), outside


def test_a_forked_server_runs_when_it_is_told_so(gate):
    inside, outside = gate
    outside.send(b'{"server": 7}')
    assert accept_fork(descriptor=inside, deadline=5) == {"server": 7}
    assert [outside.recv(100), outside.recv(100)] == [b"prepared", b"go"]
    os.close(inside)


def test_a_server_that_comes_too_late_is_turned_away(gate):
    inside, outside = gate
    assert accept_fork(descriptor=inside, deadline=0.01) == {"failed": "it took too long"}
    assert outside.recv(100) == b"prepared"
    with pytest.raises(BrokenPipeError):
        outside.send(b'{"server": 7}')
    assert outside.recv(100) == b""


def test_why_there_is_no_server_is_told(gate):
    inside, outside = gate
    outside.send(b'{"failed": "setns: no"}')
    outside.shutdown(socket.SHUT_RDWR)
    assert accept_fork(descriptor=inside, deadline=5) == {"failed": "setns: no"}


def test_a_fork_server_that_went_away_is_noticed(gate):
    inside, outside = gate
    outside.close()
    assert accept_fork(descriptor=inside, deadline=5) == {"failed": "the fork server went away"}
