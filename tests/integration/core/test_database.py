"""Transactions, statements by themselves, and what the database cannot keep."""

import pytest
from heliostat_core.database import Database
from heliostat_core.errors import ClientError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError


@pytest.mark.parametrize(("kind", "value"), [("text", "a\0b"), ("jsonb", '{"a": "\\u0000"}')])
async def test_text_with_a_null_character_is_the_callers_mistake(database: Database, kind: str, value: str) -> None:
    with pytest.raises(ClientError, match="U\\+0000"):
        async with database.transaction() as connection:
            await connection.execute(text(f"SELECT CAST(:value AS {kind})"), {"value": value})


@pytest.mark.parametrize(("own", "kept"), [(False, 0), (True, 1)], ids=["transaction", "statements"])
async def test_what_came_before_an_error_stays_only_where_every_statement_is_its_own(
    database: Database, *, own: bool, kept: int
) -> None:
    async def change_and_fail() -> None:
        async with database.statements() if own else database.transaction() as connection:
            await connection.execute(text("INSERT INTO work_items (kind, key) VALUES ('test', 'a')"))
            await connection.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        await change_and_fail()
    async with database.transaction() as connection:  # on the same connection of the pool
        assert await connection.scalar(text("SELECT count(*) FROM work_items")) == kept
        await connection.execute(text("DELETE FROM work_items"))
        await connection.rollback()
    async with database.statements() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM work_items")) == kept


@pytest.mark.parametrize(("own", "state"), [(False, "idle in transaction"), (True, "idle")])
async def test_between_statements_that_are_their_own_no_transaction_is_open(
    database: Database, *, own: bool, state: str
) -> None:
    async with (
        database.statements() if own else database.transaction() as connection,
        database.statements() as another,
    ):
        pid = await connection.scalar(text("SELECT pg_backend_pid()"))
        seen = await another.scalar(text("SELECT state FROM pg_stat_activity WHERE pid = :pid"), {"pid": pid})
    assert seen == state
