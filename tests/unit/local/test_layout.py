import os
import tempfile
from pathlib import Path

import pytest
from heliostat_local.config import LocalConfig
from heliostat_local.errors import UnsafeDirectoryError
from heliostat_local.layout import LONGEST_SOCKET_PATH, SOCKET_NAME, StateLayout, ensure_socket_directory


def test_the_socket_is_in_the_state_directory_when_it_fits() -> None:
    layout = StateLayout(LocalConfig(state_dir=Path("/srv/heliostat")))

    assert layout.socket_directory == Path("/srv/heliostat/run/postgres")


@pytest.mark.parametrize("extra", [1, 40])
def test_the_socket_moves_when_its_path_is_too_long(extra: int) -> None:
    room = LONGEST_SOCKET_PATH - len(f"//run/postgres/{SOCKET_NAME}")
    fitting = StateLayout(LocalConfig(state_dir=Path("/", "x" * room)))
    too_long = StateLayout(LocalConfig(state_dir=Path("/", "x" * (room + extra))))

    assert fitting.socket_directory.is_relative_to(fitting.run)
    assert too_long.socket_directory.parent == Path(tempfile.gettempdir())


def test_state_directories_do_not_share_a_socket_directory() -> None:
    first, second = (StateLayout(LocalConfig(state_dir=Path("/", "x" * 120, name))) for name in ("a", "b"))

    assert first.socket_directory != second.socket_directory


def test_a_socket_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "socket").mkdir(mode=0o755)

    with pytest.raises(UnsafeDirectoryError):
        ensure_socket_directory(tmp_path / "socket", owner=os.geteuid())


def test_a_link_in_the_place_of_the_socket_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "socket").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UnsafeDirectoryError):
        ensure_socket_directory(tmp_path / "socket", owner=os.geteuid())


def test_directories_are_private(tmp_path: Path) -> None:
    layout = StateLayout(LocalConfig(state_dir=tmp_path / "state"))
    (tmp_path / "state").mkdir(mode=0o755)
    layout.create()

    for directory in (layout.root, layout.secrets, layout.run, layout.logs):
        assert directory.stat().st_mode & 0o077 == 0
