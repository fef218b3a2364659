"""Local copies of repositories: for each the commits that were asked for, one deep, in one bare repository.

Each commit is found under ``refs/heliostat/<commit>``, also a version of a record, of which a commit is made.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from heliostat_core.units import format_size
from heliostat_runtime.files import try_lock

from ..domain.providers import Revision
from ..domain.refs import FULL_COMMIT
from ..errors import BuildFailedError, RefNotFoundError, RepositoryTooLargeError, UpstreamTimeoutError
from .commands import OutputTooLargeError
from .git import GitClient, GitError
from .records import RecordImporter

_LOCK_POLL = timedelta(milliseconds=50)
_LOCK, _WORKPLACE = ".lock", ".import"
_MAX_FILE = 2**20
"""Bytes of a configuration file; a larger one is a mistake."""


class MirrorStorage:
    """The mirrors in ``repositories/<hash of URL>.git``; safe between processes.

    Parameters
    ----------
    git
        Runs git.
    records
        Fetches what git cannot.
    root
        The ``repositories`` directory.
    lock_deadline
        How long to wait for another fetch of the same repository.
    """

    def __init__(self, *, git: GitClient, records: RecordImporter, root: Path, lock_deadline: timedelta) -> None:
        self._git = git
        self._records = records
        self._root = root
        self._lock_deadline = lock_deadline

    async def ensure_commit(self, revision: Revision) -> Path:
        """Have a commit with all its files here, and return the mirror.

        Raises
        ------
        RefNotFoundError
            The repository has no such commit.
        ClientError, UnavailableError
            It cannot be fetched.
        """
        mirror = self._path(revision.repository)
        if await self._has(mirror, revision.commit):
            await asyncio.to_thread(os.utime, mirror)
            return mirror
        async with self._locked(mirror):
            if not await self._has(mirror, revision.commit):
                await self._fetch(mirror, revision)
        return mirror

    async def read_types(self, revision: Revision, paths: Sequence[str]) -> dict[str, str]:
        """Tell of each path that exists whether it is a ``blob`` or a ``tree``; links inside are followed."""
        lines = (await self._ask(revision, paths, "--batch-check")).decode(errors="replace").splitlines()
        types: dict[str, str] = {}
        answers = iter(lines)
        for path in paths:
            answer = next(answers).split()
            if answer[0] in {"symlink", "dangling", "loop", "notdir"}:
                next(answers)  # the place it leads to, which is outside or nowhere
                continue
            if answer[-1] not in {"missing", "ambiguous"} and int(answer[2]) <= _MAX_FILE:
                types[path] = answer[1]
        return types

    async def read_files(self, revision: Revision, paths: Sequence[str]) -> dict[str, bytes]:
        """Read the files among the paths that exist and are not too large."""
        types = await self.read_types(revision, paths)
        wanted = [path for path in paths if types.get(path) == "blob"]
        if not wanted:
            return {}
        output = await self._ask(revision, wanted, "--batch")
        files: dict[str, bytes] = {}
        place = 0
        for path in wanted:
            end = output.index(b"\n", place)
            size = int(output[place:end].split()[2])
            files[path] = output[end + 1 : end + 1 + size]
            place = end + 1 + size + 1
        return files

    async def checkout(self, revision: Revision, directory: Path) -> None:
        """Write the files of a commit, with a repository of that one commit; its origin is where git got it from.

        Raises
        ------
        RepositoryTooLargeError
            Its files are larger than a fetch may be.
        BuildFailedError
            git cannot write them.
        """
        try:
            await self._checkout(revision, directory)
        except GitError as error:
            raise BuildFailedError(
                code="checkout_failed",
                message=f"The commit's files cannot be written: {error}",
                remedy="Check out the commit yourself; a name or link in it may be one that git refuses.",
            ) from error

    async def _checkout(self, revision: Revision, directory: Path) -> None:
        mirror, ref = self._path(revision.repository), _ref(revision.commit)
        await self._check_size(mirror, revision)
        commit = (await self._git.run("-C", str(mirror), "rev-parse", "--verify", f"{ref}^{{commit}}")).decode().strip()
        await self._git.run("init", "-q", "--template=", "--", str(directory))
        at = ("-C", str(directory))
        await self._git.run(
            *at, "fetch", "-q", "--no-tags", "--no-write-fetch-head", "--depth=1", "--", str(mirror), ref,
            local_fetch=True,
        )  # fmt: skip
        if not self._records.handles(revision.provider):
            await self._git.run(*at, "remote", "add", "origin", revision.repository)
        await self._git.run(*at, "-c", "advice.detachedHead=false", "checkout", "-q", "--detach", commit, "--")
        # The index anew, without inodes and times: two checkouts of a commit are the same files to the last byte.
        await self._git.run(*at, "read-tree", commit)

    async def trim(self, space: int) -> list[str]:
        """Remove the mirrors that were not used for longest until the rest fits; returns what was removed.

        Also removes what a process left behind that was killed while it fetched a record.
        """
        await asyncio.to_thread(_remove_abandoned, self._root)
        sizes = await asyncio.to_thread(_measure, self._root)
        removed: list[str] = []
        total = sum(size for size, _ in sizes.values())
        for mirror in sorted(sizes, key=lambda path: sizes[path][1]):
            if total <= space:
                break
            async with self._locked(mirror):
                await asyncio.to_thread(shutil.rmtree, mirror, ignore_errors=True)
            total -= sizes[mirror][0]
            removed.append(mirror.name)
        return removed

    def _path(self, url: str) -> Path:
        return self._root / f"{hashlib.sha256(url.encode()).hexdigest()[:40]}.git"

    async def _has(self, mirror: Path, commit: str) -> bool:
        if not await asyncio.to_thread((mirror / "HEAD").is_file):
            return False
        try:
            # The ref is written after all objects have arrived.
            await self._git.run("-C", str(mirror), "rev-parse", "-q", "--verify", f"{_ref(commit)}^{{commit}}")
        except GitError:
            return False
        return True

    async def _fetch(self, mirror: Path, revision: Revision) -> None:
        url, commit = revision.repository, revision.commit
        if not await asyncio.to_thread((mirror / "HEAD").is_file):
            await self._git.run("init", "-q", "--bare", "--template=", *_object_format(commit), "--", str(mirror))
        if self._records.handles(revision.provider):
            workplace = mirror.with_suffix(_WORKPLACE)
            await asyncio.to_thread(shutil.rmtree, workplace, ignore_errors=True)
            await self._records.fetch(revision, mirror=mirror, ref=_ref(commit), workplace=workplace)
            return
        try:
            try:
                await self._git.fetch(url, mirror, [f"+{commit}:{_ref(commit)}"], shallow=True)
            except GitError as error:
                if "unadvertised object" not in error.errors:
                    raise
                # An old server gives out only what it lists: take its branches and tags, and look whether it is there.
                names = ["+refs/heads/*:refs/heliostat-all/heads/*", "+refs/tags/*:refs/heliostat-all/tags/*"]
                await self._git.fetch(url, mirror, names, shallow=False)
                await self._git.run("-C", str(mirror), "update-ref", _ref(commit), commit)
            await self._git.run("-C", str(mirror), "rev-parse", "-q", "--verify", f"{commit}^{{commit}}")
        except GitError as error:
            await self._forget(mirror, commit)
            raise RefNotFoundError(url=url, ref=commit) from error

    async def _check_size(self, mirror: Path, revision: Revision) -> None:
        """Refuse files that together are larger than a fetch may be: a small pack can hold a terabyte of zeros."""
        ref = _ref(revision.commit)
        too_large = RepositoryTooLargeError(url=revision.repository, limit=format_size(self._git.size_limit))
        try:
            listed = await self._git.run("-C", str(mirror), "ls-tree", "-r", "-l", "-z", "--full-tree", ref)
        except OutputTooLargeError as error:
            raise too_large from error
        sizes = (entry.partition(b"\t")[0].split()[3] for entry in listed.split(b"\0") if entry)
        if sum(int(size) for size in sizes if size.isdigit()) > self._git.size_limit:
            raise too_large

    async def _forget(self, mirror: Path, commit: str) -> None:
        await self._git.run("-C", str(mirror), "update-ref", "-d", _ref(commit))

    async def _ask(self, revision: Revision, paths: Sequence[str], mode: str) -> bytes:
        question = "".join(f"{_ref(revision.commit)}:{path}\n" for path in paths).encode()
        mirror = self._path(revision.repository)
        return await self._git.run("-C", str(mirror), "cat-file", mode, "--follow-symlinks", text=question)

    @asynccontextmanager
    async def _locked(self, mirror: Path) -> AsyncIterator[None]:
        """Hold a mirror's lock between processes; waiting costs no thread, however many wait."""
        path = mirror.with_suffix(_LOCK)
        await asyncio.to_thread(_touch, path)
        try:
            async with asyncio.timeout(self._lock_deadline.total_seconds()):
                while (descriptor := try_lock(path)) is None:  # noqa: ASYNC110 the holder may be another process
                    await asyncio.sleep(_LOCK_POLL.total_seconds())
        except TimeoutError as error:
            raise UpstreamTimeoutError(host="git", seconds=self._lock_deadline.total_seconds()) from error
        try:
            yield
        finally:
            os.close(descriptor)


def _ref(commit: str) -> str:
    return f"refs/heliostat/{commit}"


def _object_format(commit: str) -> list[str]:
    is_sha256 = len(commit) == 64 and FULL_COMMIT.fullmatch(commit)  # noqa: PLR2004 hex digits of SHA-256
    return ["--object-format=sha256"] if is_sha256 else []


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)


def _remove_abandoned(root: Path) -> None:
    """Remove workplaces whose mirror nobody has locked."""
    for workplace in root.glob(f"*{_WORKPLACE}"):
        lock = workplace.with_suffix(_LOCK)
        _touch(lock)
        if (descriptor := try_lock(lock)) is not None:
            shutil.rmtree(workplace, ignore_errors=True)
            os.close(descriptor)


def _measure(root: Path) -> Mapping[Path, tuple[int, float]]:
    """Return bytes and time of last use of each mirror."""
    sizes = {}
    for mirror in root.glob("*.git"):
        files = (path for path in mirror.rglob("*") if path.is_file())
        sizes[mirror] = (sum(path.stat().st_size for path in files), mirror.stat().st_mtime)
    return sizes
