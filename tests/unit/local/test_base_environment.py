"""Which environment runs JupyterLab."""

from pathlib import Path

from heliostat_local.base_environment import COLLABORATION_LOCK, LOCK, BaseEnvironment


def test_real_time_collaboration_is_another_environment_and_switching_back_finds_the_first(tmp_path: Path) -> None:
    plain, live, again = (
        BaseEnvironment(tmp_path, environment={}, collaboration=collaboration) for collaboration in (False, True, False)
    )
    assert plain.path == again.path
    assert live.path != plain.path


def test_collaboration_adds_to_what_servers_have_and_changes_none_of_it() -> None:
    plain, live = (
        {line.split()[0] for line in lock.read_text().splitlines() if "==" in line}
        for lock in (LOCK, COLLABORATION_LOCK)
    )
    assert plain < live
    assert any(requirement.startswith("jupyter-collaboration==") for requirement in live)
