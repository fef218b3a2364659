"""A program of its own: makes one commit of downloaded files, without ever writing under a name they brought along.

``python -m heliostat_builder.storage.unpacking JOB`` reads a `Job` and feeds ``git fast-import``. What is one archive
(a zip or tar file, alone) is unpacked on the way: its members go from the archive into git's objects, so that no path,
link or device in it can reach the file system. It is a child process because archives are hostile: it can be killed,
its memory is limited, and it ends with `REFUSED` and the reason where an archive asks for too much.
"""

import json
import resource
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from lzma import LZMAError
from pathlib import Path
from typing import IO, TypedDict

from ..domain.paths import MAX_PATH, UnsafePathError, check_link, clean_path

REFUSED = 3
"""Exit status; standard output then holds ``kind`` (``size``, ``files``, ``archive``), ``file`` and ``reason``."""

_PART = 2**20
_MEMORY = 2**30
"""Bytes of address space: directories of archives and windows of compression are read into memory."""

_PLAIN, _EXECUTABLE, _LINK = "100644", "100755", "120000"
_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_DAMAGES = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, LZMAError, struct.error,
    EOFError, OSError, LookupError, ValueError, OverflowError, RecursionError,
)  # fmt: skip
_AUTHOR = "Heliostat <heliostat@localhost> 0 +0000"
"""Nobody and never: the commit depends on the files alone."""


class Job(TypedDict):
    """What to import: ``files`` are pairs of the path in the record and the place on the disk."""

    mirror: str
    ref: str
    message: str
    files: list[tuple[str, str]]
    inside: str | None
    most_bytes: int
    most_files: int


class RefusedError(Exception):
    """The files cannot be imported, and it is not our fault."""

    def __init__(self, kind: str, file: str = "", reason: str = "") -> None:
        super().__init__(reason)
        self.kind, self.file, self.reason = kind, file, reason


@dataclass(frozen=True, slots=True)
class Member:
    """One file or link to import; a link's content is its target."""

    name: str
    mode: str
    size: int
    content: IO[bytes]


class Importer:
    """Writes a stream for ``git fast-import``: one commit, file by file.

    Parameters
    ----------
    out
        Its standard input.
    inside
        The folder that becomes the root, all else being left out; None for everything, less a single top folder.
    """

    def __init__(self, out: IO[bytes], *, inside: str | None, most_bytes: int, most_files: int) -> None:
        self._out = out
        self._inside = f"{inside}/" if inside else None
        self._bytes_left, self._files_left = most_bytes, most_files
        self._tops: set[str] = set()
        self._links: list[tuple[str, str]] = []

    def write(self, members: Iterable[Member], *, ref: str, message: str, unwraps: bool) -> None:
        """Write the commit; ``unwraps`` where a single top folder is not to be a folder of the commit.

        Raises
        ------
        RefusedError
            They are too many or too large, or one of them is not to be imported.
        """
        text = message.encode()
        self._out.write(f"commit {ref}\ncommitter {_AUTHOR}\ndata {len(text)}\n".encode() + text + b"\n")
        for member in members:
            self._write(member)
        if not self._tops:
            raise RefusedError("archive", reason="there are no files in it")
        if unwraps and len(self._tops) == 1 and (top := self._tops.pop()):
            self._out.write(b"R %s %s\n" % (_quote(top), _quote("")))
            self._links = [(path.removeprefix(f"{top}/"), target) for path, target in self._links]
        for path, target in self._links:
            _check(path, target)
        self._out.write(b"done\n")
        self._out.flush()

    def _write(self, member: Member) -> None:
        path = self._place(member)
        self._files_left -= 1
        self._bytes_left -= member.size
        if self._files_left < 0:
            raise RefusedError("files")
        if self._bytes_left < 0:
            raise RefusedError("size")
        if path is None:
            return
        if member.mode == _LINK:
            self._write_link(member, path)
            return
        self._begin(member.mode, path, member.size)
        left = member.size
        while left:
            part = member.content.read(min(_PART, left))
            if not part:
                raise RefusedError("archive", member.name, "it is damaged: a file in it ends too early")
            self._out.write(part)
            left -= len(part)
        member.content.read(1)  # a zip file's checksum is compared at the end
        self._out.write(b"\n")

    def _write_link(self, member: Member, path: str) -> None:
        target = member.content.read(MAX_PATH + 1)
        try:
            self._links.append((path, target.decode()))  # judged when it is known which folder is the root
        except UnicodeDecodeError as error:
            raise RefusedError("archive", member.name, "its target is not text") from error
        self._begin(_LINK, path, len(target))
        self._out.write(target + b"\n")

    def _begin(self, mode: str, path: str, size: int) -> None:
        self._tops.add(path.partition("/")[0] if "/" in path else "")  # the latter is never a single top folder
        self._out.write(b"M %s inline %s\ndata %d\n" % (mode.encode(), _quote(path), size))

    def _place(self, member: Member) -> str | None:
        try:
            path = clean_path(member.name)
        except UnsafePathError as error:
            raise RefusedError("archive", member.name, str(error)) from error
        if path is None or self._inside is None:
            return path
        return path.removeprefix(self._inside) if path.startswith(self._inside) else None


def list_archive(files: Sequence[tuple[str, str]]) -> Iterator[Member] | None:
    """List the members of the one archive; None where there are more files, or the one is none.

    It is one by name and content: documents of office programs are zip files by content only.
    """
    name, place = files[0]
    if len(files) > 1:
        return None
    if name.lower().endswith(".zip") and zipfile.is_zipfile(place):
        return _list_zip(place)
    if name.lower().endswith(_TAR_ENDINGS) and tarfile.is_tarfile(place):
        return _list_tar(place)
    return None


def _list_files(files: Iterable[tuple[str, str]]) -> Iterator[Member]:
    for name, place in files:
        with Path(place).open("rb") as content:
            yield Member(name=name, mode=_PLAIN, size=Path(place).stat().st_size, content=content)


def _list_zip(place: str) -> Iterator[Member]:
    with _open_zip(place) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                raise RefusedError("archive", info.filename, "it is encrypted")
            if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFLNK}:
                raise RefusedError("archive", info.filename, "it is neither a file nor a folder nor a link")
            try:
                content = archive.open(info)
            except NotImplementedError as error:
                raise RefusedError("archive", info.filename, "its compression is not known here") from error
            with content:
                yield Member(name=info.filename, mode=_name_mode(mode), size=info.file_size, content=content)


def _open_zip(place: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(place)
    except NotImplementedError as error:
        raise RefusedError("archive", reason="its version is not known here") from error


def _list_tar(place: str) -> Iterator[Member]:
    with tarfile.open(place) as archive:
        for info in archive:
            if info.size < 0:
                raise RefusedError("archive", info.name, "it is damaged: its size is negative")
            if info.isdir():
                continue
            if info.issym():
                yield _build_link(info)
                continue
            if not info.isreg() and not info.islnk():
                raise RefusedError("archive", info.name, "it is neither a file nor a folder nor a link")
            content = archive.extractfile(info)
            if content is None:
                raise RefusedError("archive", info.name, "it leads to nothing in the archive")
            with content:
                size = info.size if info.isreg() else content.seek(0, 2)
                content.seek(0)
                yield Member(name=info.name, mode=_name_mode(info.mode | stat.S_IFREG), size=size, content=content)


def _build_link(info: tarfile.TarInfo) -> Member:
    target = info.linkname.encode(errors="surrogateescape")
    return Member(name=info.name, mode=_LINK, size=len(target), content=BytesIO(target))


def _check(path: str, target: str) -> None:
    try:
        check_link(path, target)
    except UnsafePathError as error:
        raise RefusedError("archive", path, str(error)) from error


def _name_mode(mode: int) -> str:
    if stat.S_IFMT(mode) == stat.S_IFLNK:
        return _LINK
    return _EXECUTABLE if mode & stat.S_IXUSR else _PLAIN


def _quote(path: str) -> bytes:
    """Quote a path as fast-import reads it; control characters are not in clean paths."""
    return b'"' + path.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def run(job: Job) -> None:
    """Import, all or nothing: the ref appears when git has read the whole commit.

    Raises
    ------
    RefusedError
        The files ask for too much, or are damaged.
    """
    for pattern in ("objects/pack/tmp_*", "fast_import_crash_*"):
        for rest in Path(job["mirror"]).glob(pattern):
            rest.unlink()  # of an import that was killed; the caller holds the mirror's lock
    command = ["git", "-c", "core.bigFileThreshold=1m", "-c", "core.compression=1", "-C", job["mirror"]]
    command += ["fast-import", "--quiet", "--done", "--force", "--date-format=raw"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as git:
        assert git.stdin is not None  # noqa: S101 it is a pipe
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))  # of this program; git has begun
        importer = Importer(git.stdin, inside=job["inside"], most_bytes=job["most_bytes"], most_files=job["most_files"])
        try:
            members = list_archive(job["files"])
            importer.write(
                _list_files(job["files"]) if members is None else members,
                ref=job["ref"],
                message=job["message"],
                unwraps=members is not None and job["inside"] is None,
            )
        except BaseException:
            git.kill()  # without "done" nothing is kept
            with suppress(BrokenPipeError):
                git.stdin.close()
            raise
        git.stdin.close()
        if git.wait():
            raise SystemExit(f"git ended with {git.returncode}")


def main() -> None:
    """Do the job whose file is named on the command line."""
    job: Job = json.loads(Path(sys.argv[1]).read_text())
    archive = job["files"][0][0]
    try:
        run(job)
    except RefusedError as error:
        refusal = {"kind": error.kind, "file": error.file or archive, "reason": error.reason}
    except BrokenPipeError:
        raise SystemExit(1) from None  # git ended, and has said why
    except _DAMAGES:
        refusal = {"kind": "archive", "file": archive, "reason": "it is damaged"}
    except MemoryError:
        refusal = {"kind": "archive", "file": archive, "reason": "it needs more memory than it may have"}
    else:
        return
    sys.stdout.write(json.dumps(refusal))
    raise SystemExit(REFUSED)


if __name__ == "__main__":
    main()
