"""The instance's own Postgres: its files, its server, its roles."""

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import asyncpg

from .component import Component
from .errors import CommandFailedError, SandboxRefusedError
from .layout import StateLayout, ensure_socket_directory
from .postgres_command import (
    build_postgres_command,
    build_server_options,
    find_postmaster,
    is_sandboxed,
    read_postgres_identity,
    read_program_name,
)
from .secret_files import SecretFiles
from .steps import run_step

__all__ = ["DATABASE", "OWNER", "SERVICE_ROLES", "PostgresCluster"]

DATABASE = "heliostat"
OWNER = "heliostat"
SERVICE_ROLES = ("heliostat_builder", "heliostat_sessions", "heliostat_policy")
SUPERUSER = "postgres"
CONNECT_DEADLINE = timedelta(seconds=2)
INITIALISE_DEADLINE = timedelta(seconds=60)
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class PostgresCluster:
    """One data directory, reached over a unix socket and nothing else."""

    def __init__(self, layout: StateLayout, secret_files: SecretFiles) -> None:
        self._layout = layout
        self._secrets = secret_files
        self._data = layout.postgres / "data"
        self._socket = layout.socket_directory
        self._passwd = layout.run / "passwd"
        self._owner = read_postgres_identity()

    def build_component(self, *, complete: Callable[[], Awaitable[None]]) -> Component:
        """Describe the server to the supervisor; `complete` runs once the roles and the database exist."""

        async def complete_start() -> None:
            await self.ensure_roles()
            await complete()

        return Component(
            name="postgres",
            command=self._command(
                "postgres",
                build_server_options(data=self._data, socket_directory=self._socket),
                self._data,
                self._socket,
            ),
            environment=ENVIRONMENT,
            directory=Path("/"),
            prepare=self.prepare,
            is_ready=self.is_ready,
            complete=complete_start,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, keeps what was committed
            stop_deadline=timedelta(seconds=20),
            signal_target=find_postmaster,
        )

    def build_url(self, role: str) -> str:
        """Build the SQLAlchemy URL of a role."""
        return (
            f"postgresql+asyncpg://{role}:{self._password(role)}@/{DATABASE}?host={quote(str(self._socket), safe='')}"
        )

    async def prepare(self) -> None:
        """Make the socket's directory, on the very first start the data directory, and clear a killed server's mark.

        Raises
        ------
        SandboxRefusedError, UnsafeDirectoryError, CommandFailedError
            It cannot be done here.
        """
        self._passwd.write_text(f"postgres:x:{self._owner.uid}:{self._owner.gid}::/:/usr/sbin/nologin\n")
        self._passwd.chmod(0o644)
        ensure_socket_directory(self._socket, owner=self._owner.uid)
        if not self._data.exists():
            await self._initialise()
        self._clear_stale_mark()

    async def _initialise(self) -> None:
        """Run initdb beside the final place, so that a killed attempt is never taken for a database."""
        staged = self._layout.postgres / "new"
        await asyncio.to_thread(shutil.rmtree, staged, ignore_errors=True)
        self._make_owned(staged)
        inner = staged / "data"
        self._make_owned(inner)
        password_file = staged / "password"
        password_file.write_text(self._password(SUPERUSER))
        os.chown(password_file, self._owner.uid, -1)
        if is_sandboxed():
            await self._try_sandbox(staged)
        arguments = ["-D", str(inner), "-U", SUPERUSER, "--pwfile", str(password_file), "-E", "UTF8", "--locale=C"]
        arguments += ["--auth-local=scram-sha-256", "--auth-host=reject"]
        await run_step(
            "Making the database directory (initdb)",
            self._command("initdb", arguments, staged),
            environment=ENVIRONMENT,
            directory=Path("/"),
            deadline=INITIALISE_DEADLINE,
        )
        inner.rename(self._data)
        await asyncio.to_thread(shutil.rmtree, staged)

    async def _try_sandbox(self, writable: Path) -> None:
        command = self._command("postgres", ["--version"], writable)
        try:
            await run_step(
                "The sandbox", command, environment=ENVIRONMENT, directory=Path("/"), deadline=timedelta(seconds=10)
            )
        except CommandFailedError as e:
            raise SandboxRefusedError(output=str(e)) from e

    def _clear_stale_mark(self) -> None:
        """Remove `postmaster.pid` when its process is no Postgres: the number may belong to somebody else by now.

        We hold the instance's lock and our own server has ended, so this cannot take the mark of a running one away;
        Postgres itself still refuses to start while backends of a killed server use the shared memory.
        """
        mark = self._data / "postmaster.pid"
        try:
            number = mark.read_text().partition("\n")[0].strip()
        except FileNotFoundError:
            return
        if read_program_name(number) != "postgres":
            mark.unlink()

    async def is_ready(self) -> bool:
        """Whether the server accepts sessions."""
        try:
            connection = await self._connect("postgres")
            await connection.close(timeout=CONNECT_DEADLINE.total_seconds())
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    async def ensure_roles(self) -> None:
        """Make the owner, one role per service and the database, as far as they are missing.

        Raises
        ------
        CommandFailedError
            The server ended or refused meanwhile.
        """
        try:
            connection = await self._connect("postgres")
            try:
                await self._ensure_roles(connection)
            finally:
                await connection.close(timeout=CONNECT_DEADLINE.total_seconds())
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as e:
            raise CommandFailedError(purpose="Making the database roles", output=str(e)) from e

    async def read_schema_version(self) -> str | None:
        """Return the migration the database is at; None for an empty one."""
        connection = await self._connect(DATABASE)
        try:
            if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
                return None
            version: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
            return version
        finally:
            await connection.close()

    async def _ensure_roles(self, connection: "asyncpg.Connection") -> None:
        # A failed statement must not put a password into the log.
        await connection.execute("SET log_min_error_statement = panic")
        existing = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        for role in (OWNER, *SERVICE_ROLES):
            if role not in existing:
                await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{self._password(role)}'")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        await connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
        await connection.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {', '.join(SERVICE_ROLES)}")

    async def _connect(self, database: str) -> "asyncpg.Connection":
        return await asyncpg.connect(
            host=str(self._socket),
            user=SUPERUSER,
            password=self._password(SUPERUSER),
            database=database,
            timeout=CONNECT_DEADLINE.total_seconds(),
            command_timeout=30,
        )

    def _command(self, program: str, arguments: list[str], *writable: Path) -> list[str]:
        return build_postgres_command(program, arguments, passwd=self._passwd, writable=writable)

    def _make_owned(self, directory: Path) -> None:
        directory.mkdir(mode=0o700)
        os.chown(directory, self._owner.uid, -1)

    def _password(self, role: str) -> str:
        return self._secrets.ensure(f"database_{role}")
