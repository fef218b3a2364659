from datetime import timedelta
from pathlib import Path

import pytest
from heliostat_local.status import ComponentState, Phase, StatusBoard, read_status, render_table


@pytest.fixture
def board(tmp_path: Path) -> StatusBoard:
    logs = {name: tmp_path / f"{name}.log" for name in ("postgres", "hub")}
    return StatusBoard(tmp_path / "status.json", url="http://127.0.0.1:8000", logs=logs)


def test_an_instance_is_ready_when_all_components_are(board: StatusBoard, tmp_path: Path) -> None:
    board.enter(Phase.READY)
    board.change("postgres", ComponentState.READY, pid=7)
    partly = read_status(tmp_path / "status.json")
    board.change("hub", ComponentState.READY, pid=8)
    wholly = read_status(tmp_path / "status.json")

    assert partly is not None
    assert wholly is not None
    assert (partly.ready, wholly.ready) == (False, True)


def test_restarts_are_counted(board: StatusBoard) -> None:
    for _ in range(2):
        board.change("hub", ComponentState.RESTARTING, restarted=True)
    board.change("hub", ComponentState.READY, pid=9)

    assert board.read("hub").restarts == 2


def test_the_table_says_where_to_look(board: StatusBoard, tmp_path: Path) -> None:
    board.change("hub", ComponentState.FAILING, restarted=True, detail="it ended with code 1; see hub.log")
    status = read_status(tmp_path / "status.json")
    assert status is not None

    table = render_table(status, now=status.components[0].since + timedelta(seconds=90))

    lines = table.splitlines()
    assert lines[0].split() == ["COMPONENT", "STATE", "FOR", "PID", "RESTARTS", "LOG"]
    assert lines[1].split()[:3] == ["postgres", "waiting", "0:01:30"]
    assert lines[-1] == "hub: it ended with code 1; see hub.log"


def test_there_is_no_status_before_the_first_start(tmp_path: Path) -> None:
    assert read_status(tmp_path / "status.json") is None
