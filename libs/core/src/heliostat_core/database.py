"""The connection pool of one process, and the hints with which processes wake one another."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Self

from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from .errors import ClientError, UnavailableError
from .metrics import StoreMetrics

COMMAND_TIMEOUT = timedelta(seconds=30)
"""No statement of a service may take longer; a stuck one would hold back every follower."""

_NOT_TEXT = {"22021", "22P05"}
"""SQLSTATEs of a string with U+0000, in a text or in JSON: any path, query or body can hold one."""


class DatabaseUnavailableError(UnavailableError):
    """Postgres does not answer."""

    code = "database_unavailable"

    def __init__(self) -> None:
        super().__init__("The event store cannot be reached", remedy="Try again in a moment.")


class Database:
    """One engine; hands out transactions and nothing else.

    Parameters
    ----------
    engine
        An engine made by `open`.
    metrics
        Where transactions, and what the event store and leases do in them, are measured.
    """

    def __init__(self, *, engine: AsyncEngine, metrics: StoreMetrics) -> None:
        self.engine = engine
        self.metrics = metrics
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: SecretStr, *, application: str, registry: CollectorRegistry | None = None, pool_size: int = 10
    ) -> AsyncIterator[Self]:
        """Open a pool under an application name, measured on a registry where there is one; close it on leaving."""
        engine = create_async_engine(
            url.get_secret_value(),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            pool_pre_ping=False,
            connect_args={
                "timeout": 10,
                "command_timeout": COMMAND_TIMEOUT.total_seconds(),
                "server_settings": {"application_name": application, "jit": "off"},
            },
        )
        metrics = StoreMetrics(registry or CollectorRegistry())
        metrics.connections.set_function(engine.pool.checkedout)  # type: ignore[attr-defined]  # a QueuePool
        metrics.most_connections.set(2 * pool_size)
        try:
            yield cls(engine=engine, metrics=metrics)
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction; commit on leaving, roll back on any exception.

        Raises
        ------
        DatabaseUnavailableError
            Postgres is down, the connection broke, or none came free in time.
        ClientError
            A text holds U+0000, which Postgres cannot keep, so it cannot be what is looked for either.
        """
        async with self._lending(self.engine.begin()) as connection:
            yield connection

    @asynccontextmanager
    async def statements(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection on which every statement is a transaction of its own.

        For questions, which see what is committed in a transaction too, and for one change that is one statement: it
        saves the two round trips of a transaction, and a third of its time in Python. Raises as `transaction` does.
        """
        async with self._lending(self._single.connect()) as connection:
            yield connection

    @asynccontextmanager
    async def _lending(self, pooled: AbstractAsyncContextManager[AsyncConnection]) -> AsyncIterator[AsyncConnection]:
        try:
            with self.metrics.transactions.time():
                async with pooled as connection:
                    yield connection
        except (OperationalError, InterfaceError, PoolTimeoutError, OSError) as error:
            self.metrics.failures.inc()
            raise DatabaseUnavailableError from error
        except DBAPIError as error:
            if error.connection_invalidated:
                self.metrics.failures.inc()
                raise DatabaseUnavailableError from error
            if getattr(error.orig, "sqlstate", None) in _NOT_TEXT:
                raise ClientError(
                    "A text in this request holds the character U+0000", remedy="Leave it out."
                ) from error
            raise

    async def ping(self) -> None:
        """Raise DatabaseUnavailableError unless Postgres answers."""
        async with self.statements() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def notify(self, topics: Iterable[str]) -> None:
        """Tell listeners of all processes that there is something new under these topics. Only shortens their poll."""
        async with self.statements() as connection:
            await connection.exec_driver_sql(
                "SELECT pg_notify('heliostat', topic) FROM unnest($1::text[]) AS topic", (list(topics),)
            )
