"""What the database cannot keep."""

import pytest
from heliostat_core.database import Database
from heliostat_core.errors import ClientError
from sqlalchemy import text


@pytest.mark.parametrize(("kind", "value"), [("text", "a\0b"), ("jsonb", '{"a": "\\u0000"}')])
async def test_text_with_a_null_character_is_the_callers_mistake(database: Database, kind: str, value: str) -> None:
    with pytest.raises(ClientError, match="U\\+0000"):
        async with database.transaction() as connection:
            await connection.execute(text(f"SELECT CAST(:value AS {kind})"), {"value": value})
