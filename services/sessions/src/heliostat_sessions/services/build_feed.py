"""The stream of a build that nobody launches: its lines, and how it ended."""

from collections.abc import AsyncGenerator
from uuid import UUID

from heliostat_core.contracts.builds import BuildState, LogLine, PlanView
from heliostat_core.database import Database
from heliostat_core.errors import NotFoundError
from heliostat_core.wakeups import Wakeups

from ..domain.launch import BuildProgress
from ..errors import BuildUnsuccessfulError
from ..storage.launches import LaunchStorage
from .log_tails import LogTails, wait_for_news


class BuildFeedService:
    """Follows builds."""

    def __init__(self, *, database: Database, launches: LaunchStorage, tails: LogTails, wakeups: Wakeups) -> None:
        self._database = database
        self._launches = launches
        self._tails = tails
        self._wakeups = wakeups

    async def read_plan(self, build_id: UUID) -> PlanView:
        """Read what a build was to do.

        Raises
        ------
        NotFoundError
            There is no such build.
        """
        async with self._database.statements() as connection:
            plan = await self._launches.read_build_plan(connection, build_id)
        if plan is None:
            raise NotFoundError(what="build", key=str(build_id))
        return plan

    async def watch(self, build_id: UUID) -> AsyncGenerator[list[LogLine]]:
        """Yield a build's lines as they come, and end when it has succeeded.

        Raises
        ------
        BuildUnsuccessfulError
            It has ended otherwise.
        """
        place = 0
        with self._wakeups.listening(f"stream:build-{build_id}") as heard:
            async with self._tails.watching(build_id) as tail:
                while True:
                    ended = await self._read_end(build_id)  # before the lines: a build writes its last one before it
                    if ended is not None:
                        await tail.refresh()
                    if lines := tail.list_after(place):
                        place += len(lines)
                        yield lines
                    if ended is not None:
                        if ended.state is not BuildState.SUCCEEDED:
                            raise BuildUnsuccessfulError(ended.failure)
                        return
                    await wait_for_news(heard, tail, after=place)

    async def _read_end(self, build_id: UUID) -> BuildProgress | None:
        async with self._database.statements() as connection:
            found = await self._launches.read_build(connection, build_id)
        return found if found is not None and found.state.final else None
