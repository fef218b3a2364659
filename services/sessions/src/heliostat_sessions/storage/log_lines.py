"""Numbered lines of build output."""

from typing import Any
from uuid import UUID

from heliostat_core.contracts.builds import LogLine
from heliostat_core.schema import build_log_lines
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection


class LogLineStorage:
    """Reads what builders wrote."""

    async def list_after(
        self, connection: AsyncConnection, build_id: UUID, *, after: int, most: int = 2000
    ) -> list[LogLine]:
        """List lines after a number, in order."""
        columns: Any = build_log_lines.c
        statement = (
            select(columns.number, columns.time, columns.phase, columns.text)
            .where(columns.build_id == build_id, columns.number > after)
            .order_by(columns.number)
            .limit(most)
        )
        rows = await connection.execute(statement)
        return [LogLine(number=row.number, time=row.time, phase=row.phase, text=row.text) for row in rows]
