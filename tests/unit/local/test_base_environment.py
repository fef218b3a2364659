"""Which environment runs JupyterLab."""

import asyncio
import fcntl
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


async def test_what_another_process_makes_is_waited_for_and_not_made_again(tmp_path: Path) -> None:
    base = BaseEnvironment(tmp_path, environment={})
    with (tmp_path / ".lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = asyncio.create_task(base.ensure())
        while not list_open(tmp_path / ".lock", besides=held.fileno()):
            await asyncio.sleep(0.01)
        (base.path / "made").mkdir(parents=True)
    async with asyncio.timeout(30):
        await waiting
    assert list_names(tmp_path) == [".lock", base.path.name]
    assert list_names(base.path) == ["made"]


def list_names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def list_open(path: Path, *, besides: int) -> list[str]:
    """List this process's descriptors of a file, to see that somebody has begun to wait for it."""
    return [
        entry.name
        for entry in Path("/proc/self/fd").iterdir()
        if entry.name != str(besides) and entry.exists() and entry.resolve() == path
    ]
