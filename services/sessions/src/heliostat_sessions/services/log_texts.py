"""Logs of builds as plain text."""

from collections.abc import AsyncIterator
from uuid import UUID

from heliostat_core.database import Database

from ..domain.terminal import build_plain_line
from ..storage.log_lines import LogLineStorage


class LogTextService:
    """Writes what a build has printed so far."""

    def __init__(self, *, database: Database, lines: LogLineStorage) -> None:
        self._database = database
        self._lines = lines

    async def watch(self, build_id: UUID) -> AsyncIterator[bytes]:
        """Yield the lines there are now, in pieces; none is held in memory for a slow reader."""
        after = 0
        while True:
            async with self._database.statements() as connection:
                lines = await self._lines.list_after(connection, build_id, after=after)
            if not lines:
                return
            after = lines[-1].number
            yield "".join(f"{build_plain_line(line.text)}\n" for line in lines).encode()
