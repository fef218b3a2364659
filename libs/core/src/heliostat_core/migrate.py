"""``python -m heliostat_core.migrate``: bring the database to the newest schema. The only thing that changes it."""

import asyncio
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from .config import Settings
from .migrations.grants import apply_grants

_LOCK = 0x48454C49
"""Advisory lock of migrations ("HELI"), so that two deploy jobs run one after the other."""


class MigrateConfig(Settings):
    """Settings of the migration job."""

    model_config = SettingsConfigDict(env_prefix="HELIOSTAT_MIGRATE_", frozen=True)

    database_url: SecretStr = Field(description="SQLAlchemy URL of the role that owns the schema")


def build_alembic_config(connection: Connection) -> Config:
    """Make Alembic's configuration for one connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, *, grants: bool = True) -> None:
    """Run all missing migrations and set the rights of the services' roles, under a lock."""
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    command.upgrade(build_alembic_config(connection), "head")
    if grants:
        apply_grants(connection)


async def _main() -> None:
    engine = create_async_engine(MigrateConfig().database_url.get_secret_value())
    try:
        async with engine.begin() as connection:
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()


if __name__ == "__main__":
    asyncio.run(_main())
    sys.exit(0)
