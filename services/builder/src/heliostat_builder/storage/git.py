"""git in a child process: no prompts, no hooks, no configuration but ours, no address but the one that was checked."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from heliostat_core.units import format_size

from ..errors import (
    PlainFilesError,
    RepositoryMovedError,
    RepositoryNotFoundError,
    RepositoryTooLargeError,
    UpstreamError,
    UpstreamTimeoutError,
)
from .addresses import AddressGuard, PinnedHost
from .commands import Completed, OutputTooLargeError, run_program

_LOCAL_DEADLINE = timedelta(seconds=60)
_ADVERTISED_SIZE = 32 * 2**20
_PASSED_ON = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "CURL_CA_BUNDLE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
)
_SAFE = {
    "core.hooksPath": "/dev/null",
    "core.logAllRefUpdates": "false",
    "core.fsmonitor": "false",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",
    "filter.lfs.smudge": "",
    "filter.lfs.process": "",
    "filter.lfs.required": "false",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "maintenance.auto": "false",
    "safe.directory": "*",
    "submodule.recurse": "false",
    "transfer.bundleURI": "false",
}


class GitError(Exception):
    """git ended with an error; the text is git's own."""

    def __init__(self, completed: Completed) -> None:
        super().__init__(completed.errors.strip()[-1000:])
        self.errors = completed.errors


class GitClient:
    """Runs git.

    Parameters
    ----------
    guard
        Decides about addresses.
    environment
        Environment of builds; certificates and proxies are taken from it.
    deadline
        For one conversation with a remote repository.
    size_limit
        Bytes one pack may have.
    """

    def __init__(
        self, *, guard: AddressGuard, environment: Mapping[str, str], deadline: timedelta, size_limit: int
    ) -> None:
        self._guard = guard
        self._passed_on = {name: environment[name] for name in _PASSED_ON if name in environment}
        self._deadline = deadline
        self.size_limit = size_limit

    async def list_remote(self, url: str, patterns: Sequence[str] = ()) -> str:
        """Ask a repository for its refs; patterns only lessen what is sent, names still have to be compared.

        Raises
        ------
        ClientError, UnavailableError
            The repository is not there, or not reachable, or not allowed.
        """
        try:
            return (await self._run_remote(url, ["ls-remote", "-q", "--", url, *patterns])).output.decode(
                errors="replace"
            )
        except GitError as error:
            raise _judge(url, error) from error

    async def fetch(self, url: str, directory: Path, refspecs: Sequence[str], *, shallow: bool) -> None:
        """Fetch refs or objects into a bare repository.

        Raises
        ------
        GitError
            The remote has no such object, or does not give it out.
        ClientError, UnavailableError
            As for `list_remote`, or it is too large.
        """
        depth = ["--depth=1"] if shallow else []
        arguments = [
            "-C",
            str(directory),
            "fetch",
            "-q",
            "--no-tags",
            "--no-write-fetch-head",
            *depth,
            "--",
            url,
            *refspecs,
        ]
        try:
            await self._run_remote(url, arguments, file_limit=self.size_limit)
        except GitError as error:
            if any(sign in error.errors for sign in ("not our ref", "unadvertised object", "couldn't find remote ref")):
                raise
            raise _judge(url, error, limit=self.size_limit) from error

    async def run(self, *arguments: str, text: bytes = b"", local_fetch: bool = False) -> bytes:
        """Run git on repositories of this host and return what it printed.

        Raises
        ------
        GitError
            It failed.
        """
        environment = self._build_environment("file" if local_fetch else "")
        argv = ["git", *_build_options(_SAFE), *arguments]
        completed = await run_program(argv, environment=environment, deadline=_LOCAL_DEADLINE, text=text)
        if completed.status:
            raise GitError(completed)
        return completed.output

    async def _run_remote(self, url: str, arguments: Sequence[str], *, file_limit: int | None = None) -> Completed:
        pinned: PinnedHost = await self._guard.pin(url)
        options = _build_options({**_SAFE, "http.curloptResolve": pinned.curl_resolve})
        try:
            completed = await run_program(
                ["git", *options, *arguments],
                environment=self._build_environment("http:https"),
                deadline=self._deadline,
                most=_ADVERTISED_SIZE,
                file_limit=file_limit,
            )
        except TimeoutError as error:
            raise UpstreamTimeoutError(host=pinned.host, seconds=self._deadline.total_seconds()) from error
        except OutputTooLargeError as error:
            raise UpstreamError(host=pinned.host, reason="it lists too many refs") from error
        if completed.status:
            raise GitError(completed)
        return completed

    def _build_environment(self, protocols: str) -> dict[str, str]:
        return {
            **self._passed_on,
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_ALLOW_PROTOCOL": protocols,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
        }


def _build_options(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _judge(url: str, error: GitError, *, limit: int | None = None) -> Exception:
    """Say what kind of failure git's words describe; they are stable, because LC_ALL is C."""
    words = error.errors
    host = url.split("/")[2]
    if any(sign in words for sign in ("error: 301", "error: 302", "error: 307", "error: 308", "redirect")):
        return RepositoryMovedError(url=url)
    if "dumb http transport" in words:
        return PlainFilesError(url=url)
    missing = (
        "not found",
        "error: 404",
        "error: 403",
        "error: 401",
        "could not read Username",
        "terminal prompts disabled",
    )
    if any(sign in words for sign in (*missing, "Authentication failed", "unable to get password")):
        return RepositoryNotFoundError(url=url)
    if limit is not None and any(sign in words for sign in ("File too large", "signal 25", "died of signal")):
        return RepositoryTooLargeError(url=url, limit=format_size(limit))
    lines = [line.removeprefix("fatal: ").removeprefix("error: ") for line in words.splitlines() if line.strip()]
    return UpstreamError(host=host, reason=lines[-1][:300] if lines else "git failed without a word")
