"""The environments of this host: listed, and made to agree with the log when a builder starts."""

import structlog
from heliostat_core.contracts.builds import EnvironmentView
from heliostat_core.contracts.events import EnvironmentRetired, Event
from heliostat_core.database import Database
from heliostat_core.errors import NotFoundError
from heliostat_core.eventstore import StreamConflictError

from ..errors import EngineAwayError, ImageStoreError
from ..storage.builds import BuildStorage
from ..storage.mirrors import MirrorStorage
from .runtime import Runtime


class EnvironmentService:
    """Knows what is in the store."""

    def __init__(
        self,
        *,
        database: Database,
        builds: BuildStorage,
        runtime: Runtime,
        mirrors: MirrorStorage,
        mirror_space: int,
    ) -> None:
        self._database = database
        self._builds = builds
        self._runtime = runtime
        self._mirrors = mirrors
        self._mirror_space = mirror_space
        self._log = structlog.get_logger()

    async def list_(self) -> list[EnvironmentView]:
        """List all environments, the latest first."""
        async with self._database.statements() as connection:
            return await self._builds.list_environments(connection)

    async def read(self, environment_id: str) -> EnvironmentView:
        """Read one environment; raises NotFoundError."""
        async with self._database.statements() as connection:
            found = await self._builds.read_environment(connection, environment_id)
        if found is None:
            raise NotFoundError(what="environment", key=environment_id)
        return found

    async def reconcile(self) -> None:
        """Remove what dead builders left, and make the log agree with what is there, as the first thing of a process.

        Where the runtime's engine is away, that is left to `tidy`.
        """
        try:
            await self._runtime.reconcile()
            await self.tidy()
        except (EngineAwayError, ImageStoreError) as error:
            self._log.warning("the engine is away", error=error.message)

    async def tidy(self) -> None:
        """Discard leftovers, and make the log agree with what is there, which a crash can keep apart."""
        await self.discard_leftovers()
        there = set(await self._runtime.list_environments())
        recorded = {environment.id for environment in await self.list_()}
        for environment_id in sorted(there - recorded):
            await self.ensure_recorded(environment_id)
        for environment_id in sorted(recorded - there):
            # It may have been made since the list was.
            if await self._runtime.read_environment(environment_id) is None:
                event = EnvironmentRetired(environment_id=environment_id, reason="it is not there any more")
                await self._append(environment_id, event)

    async def discard_leftovers(self) -> None:
        """Stop and remove what is left of builds that have ended, whoever worked on them."""
        for build_id in await self._runtime.list_builds():
            async with self._database.statements() as connection:
                ended = await self._builds.is_ended(connection, build_id)
            if ended:
                await self._runtime.discard(build_id)

    async def trim_mirrors(self) -> None:
        """Keep the mirrors of repositories within their space."""
        removed = await self._mirrors.trim(self._mirror_space)
        if removed:
            self._log.info("mirrors removed", count=len(removed))

    async def ensure_recorded(self, environment_id: str) -> None:
        """Record a published environment, also one whose builder died between publishing and recording it."""
        async with self._database.statements() as connection:
            if await self._builds.read_environment(connection, environment_id) is not None:
                return
        event = await self._runtime.read_environment(environment_id)
        if event is None:
            self._log.warning("environment without a manifest", environment=environment_id)
            return
        await self._append(environment_id, event)

    async def record_retired(self, environment_id: str, *, reason: str) -> None:
        """Record that an environment is gone, unless that is known."""
        async with self._database.statements() as connection:
            if await self._builds.read_environment(connection, environment_id) is None:
                return
        await self._append(environment_id, EnvironmentRetired(environment_id=environment_id, reason=reason))

    async def _append(self, environment_id: str, event: Event) -> None:
        try:
            async with self._database.transaction() as connection:
                await self._builds.append_environment(connection, environment_id, event, actor="builder")
        except StreamConflictError:
            self._log.info("another builder was first", environment=environment_id)
