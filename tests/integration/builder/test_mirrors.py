"""Mirrors and what killed processes leave beside them."""

import os
import subprocess
from datetime import timedelta
from pathlib import Path

from heliostat_builder.domain.providers import Revision
from heliostat_builder.domain.refs import Commit
from heliostat_builder.storage.addresses import AddressGuard
from heliostat_builder.storage.git import GitClient
from heliostat_builder.storage.mirrors import MirrorStorage
from heliostat_builder.storage.records import RecordImporter, RecordLimits
from heliostat_containers import write_layer
from heliostat_runtime.files import try_lock


async def test_what_a_killed_import_left_is_removed_and_what_runs_is_left_alone(tmp_path: Path):
    for name in ("dead", "busy"):
        (tmp_path / f"{name}.import").mkdir()
        (tmp_path / f"{name}.import/0").write_bytes(b"half")
    (tmp_path / "busy.lock").touch()
    held = try_lock(tmp_path / "busy.lock")
    assert held is not None
    assert await build_mirrors(tmp_path).trim(10**9) == []
    assert list_workplaces(tmp_path) == ["busy.import"]
    os.close(held)


def list_workplaces(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob("*.import"))


def build_mirrors(root: Path) -> MirrorStorage:
    minute = timedelta(minutes=1)
    return MirrorStorage(
        git=GitClient(guard=AddressGuard(allowed=[]), environment={}, deadline=minute, size_limit=10**6),
        records=RecordImporter(hosts={}, limits=RecordLimits(size=1, files=1, deadline=minute)),
        root=root,
        lock_deadline=minute,
    )


def run_git(*arguments: str) -> str:
    identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.test")
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


async def test_two_checkouts_of_a_commit_are_the_same_layer(tmp_path: Path):
    mirrors, at = build_mirrors(tmp_path), ("-C", str(tmp_path / "work"))
    run_git("init", "-q", str(tmp_path / "work"))
    for number in range(20):
        (tmp_path / "work" / f"file{number}").write_text("text\n" * number)
    run_git(*at, "add", ".")
    run_git(*at, "commit", "-q", "-m", "all")
    commit = run_git(*at, "rev-parse", "HEAD")
    revision = Revision("git", "https://git.example.test/ada/lens", Commit(commit))
    mirror = str(mirrors._path(revision.repository))
    run_git("clone", "-q", "--bare", str(tmp_path / "work"), mirror)
    run_git("-C", mirror, "update-ref", f"refs/heliostat/{commit}", commit)
    layers = []
    for name in ("one", "two"):
        await mirrors.checkout(revision, tmp_path / name)
        layers.append(await write_layer(tmp_path / name, tmp_path / f"{name}.tar"))
    assert layers[0].digest == layers[1].digest
    assert run_git("-C", str(tmp_path / "two"), "status", "--porcelain") == ""
