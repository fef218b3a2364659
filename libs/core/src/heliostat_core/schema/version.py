"""The schema this version needs. Services compare it themselves: importing Alembic would cost each of them 9 MB."""

from sqlalchemy import text

from ..database import Database
from ..errors import HeliostatError
from ..migrations import HEAD


class SchemaOutdatedError(HeliostatError):
    """The database is not at the newest migration."""

    code = "schema_outdated"

    def __init__(self) -> None:
        super().__init__("The database schema is not the one this version needs", remedy="Run 'make migrate'.")


async def ensure_current(database: Database) -> None:
    """Raise SchemaOutdatedError unless the database is at the newest migration."""
    async with database.statements() as connection:
        exists = await connection.scalar(text("SELECT to_regclass('alembic_version')"))
        if exists is None or await connection.scalar(text("SELECT version_num FROM alembic_version")) != HEAD:
            raise SchemaOutdatedError
