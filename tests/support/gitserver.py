"""A real git server on loopback: ``git http-backend`` in a threaded server of the standard library.

In tests::

    with running_git_server() as server:
        repository = server.create("astro/lens")
        first = repository.commit({"requirements.txt": "six\n", "notebook.ipynb": "{}"})
        repository.tag("v1", annotated=True); repository.branch("feature/main")
        repository.url            # http://127.0.0.1:<port>/astro/lens.git, also without .git

By hand: ``python -m tests.support.gitserver --root DIRECTORY --port 9418`` serves the bare repositories in a directory.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
}
_CHUNK = 64 * 1024

Content = str | bytes
"""Of a file; a text that begins with ``->`` makes a link to what follows."""


@dataclass
class GitRepository:
    """One bare repository that is served, and a work tree to make commits in."""

    name: str
    url: str
    path: Path
    work: Path

    def commit(
        self, files: Mapping[str, Content | None], *, message: str = "change", executable: tuple[str, ...] = ()
    ) -> str:
        """Write files (None removes one), commit and push them, and return the commit's SHA."""
        for name, content in files.items():
            self._write(self.work / name, content)
        for name in executable:
            (self.work / name).chmod(0o755)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self.git("push", "-q", "origin", "HEAD")
        return self.head()

    def head(self) -> str:
        """Return the SHA of the current commit."""
        return self.git("rev-parse", "HEAD").strip()

    def branch(self, name: str) -> None:
        """Make a branch at the current commit, and go to it."""
        self.git("switch", "-q", "-C", name)
        self.git("push", "-q", "origin", f"HEAD:refs/heads/{name}")

    def switch(self, name: str) -> None:
        """Go to an existing branch."""
        self.git("switch", "-q", name)

    def tag(self, name: str, *, annotated: bool = False) -> str:
        """Tag the current commit and return the SHA of the tag's own object (the commit's, for a light one)."""
        self.git("tag", *(("-a", "-m", name) if annotated else ()), name)
        self.git("push", "-q", "origin", f"refs/tags/{name}")
        return self.git("rev-parse", name).strip()

    def git(self, *arguments: str) -> str:
        """Run git in the work tree."""
        return _run(self.work, *arguments)

    @staticmethod
    def _write(path: Path, content: Content | None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or content is None:
            path.unlink(missing_ok=True)
        if isinstance(content, str) and content.startswith("->"):
            path.symlink_to(content.removeprefix("->"))
        elif content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)


@dataclass
class GitServer:
    """A running server; ``delay`` (seconds), ``status`` and ``redirect`` spoil all answers, ``requests`` lists them.

    One that is not ``smart`` serves plain files.
    """

    root: Path
    url: str
    delay: float = 0
    status: int | None = None
    redirect: str | None = None
    smart: bool = True
    requests: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def create(self, name: str, *, branch: str = "main") -> GitRepository:
        """Create an empty repository, such as ``owner/name``."""
        path = self.root / "served" / f"{name}.git"
        work = self.root / "work" / name
        for directory in (path, work):
            directory.mkdir(parents=True)
        _run(path, "init", "-q", "--bare", "-b", branch)
        _run(path, "config", "http.receivepack", "true")
        _run(work, "init", "-q", "-b", branch)
        _run(work, "remote", "add", "origin", str(path))
        return GitRepository(name=name, url=f"{self.url}/{name}.git", path=path, work=work)


@contextmanager
def running_git_server(*, root: Path | None = None, host: str = "127.0.0.1", port: int = 0) -> Iterator[GitServer]:
    """Serve repositories on loopback or another address of this machine, by default from a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="heliostat-git-") as temporary:
        server = GitServer(root=root or Path(temporary), url="")
        (server.root / "served").mkdir(exist_ok=True)
        httpd = ThreadingHTTPServer((host, port), _build_handler(server))
        httpd.daemon_threads = True
        server.url = f"http://{host}:{httpd.server_address[1]}"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}, name="git server")
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            httpd.shutdown()
            httpd.server_close()
            thread.join()


def _build_handler(server: GitServer) -> type[BaseHTTPRequestHandler]:  # noqa: C901 a class inside, no branches
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            body = self._read_body()
            server.requests.append(f"{self.command} {self.path}")
            server.stopping.wait(server.delay)
            if server.redirect is not None:
                self._answer(302, {"Location": server.redirect + self.path}, b"")
            elif server.status is not None:
                self._answer(server.status, {}, b"")
            else:
                self._answer(*_run_backend(server, self, body))

        def _read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client was killed; that is what some tests are about

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _run_backend(server: GitServer, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(handler.path)
    environment = {
        **_IDENTITY,
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(server.root / "served"),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": _find_path(server, unquote(parts.path)),
        "QUERY_STRING": parts.query if server.smart else "",
        "REQUEST_METHOD": handler.command,
        "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": "test",
    }
    backend = shutil.which("git")
    assert backend is not None
    done = subprocess.run([backend, "http-backend"], input=body, env=environment, capture_output=True, check=False)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    return int(headers.pop("Status", "200").split()[0]), headers, content


def _find_path(server: GitServer, path: str) -> str:
    """Serve a repository with and without ``.git`` in its address, as GitHub does."""
    for suffix in ("/info/refs", "/git-upload-pack", "/git-receive-pack"):
        name = path.removesuffix(suffix)
        if name != path and not name.endswith(".git") and not (server.root / "served" / name.lstrip("/")).exists():
            return f"{name}.git{suffix}"
    return path


def _run(directory: Path, *arguments: str) -> str:
    environment = {**_IDENTITY, "PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run(
        ["git", "-C", str(directory), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def main() -> None:
    """Serve a directory until interrupted."""
    parser = argparse.ArgumentParser(description="Serve git repositories over HTTP on loopback.")
    parser.add_argument("--root", type=Path, required=True, help="repositories are in its directory 'served'")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    with running_git_server(root=arguments.root, port=arguments.port) as server:
        print(server.url, flush=True)  # noqa: T201 it is what the caller asked for
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
