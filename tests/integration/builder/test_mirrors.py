"""Mirrors and what killed processes leave beside them."""

import os
from datetime import timedelta
from pathlib import Path

from heliostat_builder.storage.addresses import AddressGuard
from heliostat_builder.storage.git import GitClient
from heliostat_builder.storage.mirrors import MirrorStorage
from heliostat_builder.storage.records import RecordImporter, RecordLimits
from heliostat_runtime.files import try_lock


async def test_what_a_killed_import_left_is_removed_and_what_runs_is_left_alone(tmp_path: Path):
    for name in ("dead", "busy"):
        (tmp_path / f"{name}.import").mkdir()
        (tmp_path / f"{name}.import/0").write_bytes(b"half")
    (tmp_path / "busy.lock").touch()
    held = try_lock(tmp_path / "busy.lock")
    assert held is not None
    minute = timedelta(minutes=1)
    mirrors = MirrorStorage(
        git=GitClient(guard=AddressGuard(allowed=[]), environment={}, deadline=minute, size_limit=1),
        records=RecordImporter(hosts={}, limits=RecordLimits(size=1, files=1, deadline=minute)),
        root=tmp_path,
        lock_deadline=minute,
    )
    assert await mirrors.trim(10**9) == []
    assert list_workplaces(tmp_path) == ["busy.import"]
    os.close(held)


def list_workplaces(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob("*.import"))
