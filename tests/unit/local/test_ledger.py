import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from heliostat_local.ledger import ProcessLedger
from heliostat_runtime.processes import ProcessIdentity, list_descendants, read_identity


def identify(pid: int) -> ProcessIdentity:
    identity = read_identity(pid)
    assert identity is not None
    return identity


@pytest.fixture
def leader() -> Iterator[ProcessIdentity]:
    """A process that leads a session and has a child."""
    command = ["/bin/sh", "-c", "sleep 300 & echo; wait"]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        child = identify(list_descendants(shell.pid)[0])
        yield identify(shell.pid)
        subprocess.run(["/bin/kill", "-9", str(child.pid)], check=False, stderr=subprocess.DEVNULL)
        shell.kill()


async def test_leftovers_and_what_they_started_are_ended(leader: ProcessIdentity, tmp_path: Path) -> None:
    child = identify(list_descendants(leader.pid)[0])
    ProcessLedger(tmp_path / "pids.json").record("hub", leader)

    assert await ProcessLedger(tmp_path / "pids.json").end_leftovers() == ["hub"]

    assert not leader.is_alive()
    assert not child.is_alive()
    assert await ProcessLedger(tmp_path / "pids.json").end_leftovers() == []


async def test_a_process_that_only_has_the_same_number_is_left_alone(leader: ProcessIdentity, tmp_path: Path) -> None:
    former = leader.model_copy(update={"start_time": leader.start_time - 1})
    ProcessLedger(tmp_path / "pids.json").record("hub", former)

    assert await ProcessLedger(tmp_path / "pids.json").end_leftovers() == []

    assert leader.is_alive()


async def test_a_forgotten_process_is_no_leftover(leader: ProcessIdentity, tmp_path: Path) -> None:
    ledger = ProcessLedger(tmp_path / "pids.json")
    ledger.record("hub", leader)
    ledger.forget("hub")

    assert await ProcessLedger(tmp_path / "pids.json").end_leftovers() == []

    assert leader.is_alive()
