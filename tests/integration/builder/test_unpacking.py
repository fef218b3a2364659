"""The program that makes a commit of downloaded files, with archives that mean harm."""

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from heliostat_builder.storage.unpacking import REFUSED

from tests.support.records import build_tar, build_zip


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    path = tmp_path / "mirror.git"
    subprocess.run(["git", "init", "-q", "--bare", path], check=True)
    return path


@pytest.fixture
def unpack(mirror: Path, tmp_path: Path):
    """Import one file, or several, and return the exit status and what was printed."""

    def run(files: dict[str, bytes], *, inside: str | None = None, **limits: int) -> tuple[int, Any]:
        pairs = []
        for number, (name, content) in enumerate(files.items()):
            (tmp_path / str(number)).write_bytes(content)
            pairs.append((name, str(tmp_path / str(number))))
        sizes = {"most_bytes": 10**6, "most_files": 100, **limits}
        job = {"mirror": str(mirror), "ref": "refs/heliostat/1", "message": "one", "files": pairs, "inside": inside}
        (tmp_path / "job").write_text(json.dumps({**job, **sizes}))
        command = [sys.executable, "-I", "-m", "heliostat_builder.storage.unpacking", str(tmp_path / "job")]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode in {0, REFUSED}, done.stderr
        return done.returncode, json.loads(done.stdout) if done.stdout else None

    return run


@pytest.fixture
def read(mirror: Path):
    """Read what was imported: mode and content by path."""

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", "-C", mirror, *arguments], capture_output=True, check=True).stdout

    def run() -> dict[str, tuple[str, bytes]]:
        lines = git("ls-tree", "-r", "-z", "refs/heliostat/1").decode().split("\0")[:-1]
        entries = [(line.split("\t")[1], line.split()[0]) for line in lines]
        return {path: (mode, git("cat-file", "blob", f"refs/heliostat/1:{path}")) for path, mode in entries}

    return run


def has_commit(mirror: Path) -> bool:
    return (mirror / "refs/heliostat/1").exists()


def build_link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_single_archive_becomes_the_root_without_its_top_folder(unpack, read):
    names = {"top/a b.txt": b"1", 'top/sub/ä"\\.txt'.replace("\\", ""): b"2", "top/.git/config": b"no"}
    assert unpack({"x.zip": build_zip(names, modes={"top/a b.txt": 0o100755})})[0] == 0
    assert read() == {"a b.txt": ("100755", b"1"), 'sub/ä".txt': ("100644", b"2")}


def test_two_top_folders_and_files_beside_them_stay(unpack, read):
    unpack({"x.tar.xz": build_tar({"a/x": b"1", "b/y": b"2", "z": b"3"}, mode="w:xz")})
    assert set(read()) == {"a/x", "b/y", "z"}


def test_a_file_alone_at_the_top_is_no_folder(unpack, read):
    unpack({"x.zip": build_zip({"only": b"1"})})
    assert set(read()) == {"only"}


def test_only_one_folder_counts_where_it_is_named(unpack, read):
    unpack(
        {"x.zip": build_zip({"id/data/contents/a": b"1", "id/bagit.txt": b"", "id/data/contentsX": b""})},
        inside="id/data/contents",
    )
    assert set(read()) == {"a"}


def test_documents_that_are_zip_files_inside_are_left_as_they_are(unpack, read):
    document = build_zip({"xl/workbook.xml": b"<x/>"})
    unpack({"table.xlsx": document})
    assert read() == {"table.xlsx": ("100644", document)}


def test_the_commit_depends_on_the_files_alone(unpack, mirror):
    seen = set()
    for _ in range(2):
        unpack({"a": b"1", "b": b"2"})
        seen.add((mirror / "refs/heliostat/1").read_text())
    assert len(seen) == 1


def test_links_inside_are_kept_and_hard_links_are_copies(unpack, read):
    others = [build_link("t/sub/link", "../a"), build_link("t/copy", "t/a", tarfile.LNKTYPE)]
    unpack({"x.tgz": build_tar({"t/a": b"1"}, others=others)})
    assert read() == {"a": ("100644", b"1"), "copy": ("100644", b"1"), "sub/link": ("120000", b"../a")}


def build_device(name: str) -> tarfile.TarInfo:
    return build_link(name, "", tarfile.CHRTYPE)


def build_negative(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = -512
    return info


def build_encrypted() -> bytes:
    archive = bytearray(build_zip({"a": b"1"}))
    for sign, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        archive[archive.index(sign) + place] |= 1
    return bytes(archive)


def build_wrong_checksum() -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("a", b"needle")
    return output.getvalue().replace(b"needle", b"noodle")


def build_of_version(version: int) -> bytes:
    archive = bytearray(build_zip({"a": b"1"}))
    archive[archive.index(b"PK\1\2") + 6] = version
    return bytes(archive)


@pytest.mark.parametrize(
    ("name", "archive", "reason"),
    [
        ("x.zip", build_zip({"ok": b"", "../../etc/x": b""}), "outside"),
        ("x.zip", build_zip({"a/../../x": b""}), "outside"),
        ("x.zip", build_zip({"..\\x": b""}), "outside"),
        ("x.zip", build_zip({"/etc/x": b""}), "absolute"),
        ("x.zip", build_zip({"C:\\x": b""}), "absolute"),
        ("x.zip", build_zip({"a\nb": b""}), "control"),
        ("x.zip", build_zip({"a" * 300: b""}), "too long"),
        ("x.zip", build_zip({"l": b"/etc/passwd"}, modes={"l": 0o120777}), "link"),
        ("x.zip", build_zip({"l": b"x"}, modes={"l": 0o010644}), "neither a file"),
        ("x.zip", build_encrypted(), "encrypted"),
        ("x.zip", build_of_version(99), "version"),
        ("x.zip", build_wrong_checksum(), "damaged"),
        ("x.tar", build_tar({"a": b""}, others=[build_link("l", "../x")], mode="w:"), "link"),
        ("x.tar.gz", build_tar({"t/a": b""}, others=[build_link("t/l", "../a")]), "link"),
        ("x.tar.gz", build_tar({"t/a": b""}, others=[build_link("t/l", "sub/../../a")]), "link"),
        ("x.tar.gz", build_tar({"a\udcff": b""}), "not text"),
        ("x.tar.gz", build_tar({}, others=[build_device("dev")]), "neither a file"),
        ("x.tar.gz", build_tar({}, others=[build_link("h", "nowhere", tarfile.LNKTYPE)]), "damaged"),
        ("x.tar.gz", build_tar({"a": bytes(100_000)})[:-60], "damaged"),
        ("x.tar.gz", build_tar({"a": b""}, others=[build_negative("b")]), "negative"),
    ],
)
def test_an_archive_that_means_harm_or_is_damaged_is_refused_whole(unpack, mirror, name, archive, reason):
    status, answer = unpack({name: archive})
    assert (status, answer["kind"]) == (REFUSED, "archive")
    assert reason in answer["reason"]
    assert not has_commit(mirror)
    assert not list((mirror / "objects/pack").glob("*.pack"))


@pytest.mark.parametrize(
    ("archive", "kind"),
    [
        (build_zip({"zeros": bytes(1_000_001)}), "size"),
        (build_zip({str(number): b"" for number in range(101)}), "files"),
        (build_tar({"a": bytes(600_000)}, others=[build_link("b", "a", tarfile.LNKTYPE)]), "size"),
    ],
)
def test_an_archive_that_unpacks_to_too_much_is_refused(unpack, mirror, archive, kind):
    status, answer = unpack({"x.zip" if archive.startswith(b"PK") else "x.tar.gz": archive})
    assert (status, answer["kind"]) == (REFUSED, kind)
    assert not has_commit(mirror)
