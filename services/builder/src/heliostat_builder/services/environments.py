"""The environments of this host: listed, and made to agree with the log when a builder starts."""

import structlog
from heliostat_core.contracts.builds import EnvironmentView
from heliostat_core.contracts.events import EnvironmentCreated, EnvironmentRetired, Event
from heliostat_core.database import Database
from heliostat_core.errors import NotFoundError
from heliostat_core.eventstore import StreamConflictError
from heliostat_runtime import ControlGroups, RuntimeHostError
from pydantic import ValidationError

from ..storage.builds import BuildStorage
from ..storage.mirrors import MirrorStorage
from ..storage.stores import Stores
from ..storage.workplaces import WorkplaceStorage


class EnvironmentService:
    """Knows what is in the store."""

    def __init__(
        self,
        *,
        database: Database,
        builds: BuildStorage,
        stores: Stores,
        workplaces: WorkplaceStorage,
        mirrors: MirrorStorage,
        groups: ControlGroups,
        mirror_space: int,
    ) -> None:
        self._database = database
        self._builds = builds
        self._stores = stores
        self._workplaces = workplaces
        self._mirrors = mirrors
        self._groups = groups
        self._mirror_space = mirror_space
        self._log = structlog.get_logger()

    async def list_(self) -> list[EnvironmentView]:
        """List all environments, the latest first."""
        async with self._database.transaction() as connection:
            return await self._builds.list_environments(connection)

    async def read(self, environment_id: str) -> EnvironmentView:
        """Read one environment; raises NotFoundError."""
        async with self._database.transaction() as connection:
            found = await self._builds.read_environment(connection, environment_id)
        if found is None:
            raise NotFoundError(what="environment", key=environment_id)
        return found

    async def reconcile(self) -> None:
        """Remove what dead builders left, and make the log agree with the disk, which a crash can keep apart."""
        await self._workplaces.prepare()
        await self._stores.environments.reconcile()
        await self._stores.contents.reconcile()
        await self._remove_leftovers()
        there = set(await self._stores.environments.list_())
        recorded = {environment.id for environment in await self.list_()}
        for environment_id in sorted(there - recorded):
            await self.ensure_recorded(environment_id)
        for environment_id in sorted(recorded - there):
            event = EnvironmentRetired(environment_id=environment_id, reason="it is not on the disk any more")
            await self._append(environment_id, event)

    async def trim_mirrors(self) -> None:
        """Keep the mirrors of repositories within their space."""
        removed = await self._mirrors.trim(self._mirror_space)
        if removed:
            self._log.info("mirrors removed", count=len(removed))

    async def _remove_leftovers(self) -> None:
        for group in await self._groups.list_("build-"):
            if not await group.list_pids():  # a living builder's group has its processes in it
                await group.remove()
        for name in await self._workplaces.list_():
            async with self._database.transaction() as connection:
                ended = await self._builds.is_ended(connection, name)
            if ended:
                await self._workplaces.delete(name)

    async def ensure_recorded(self, environment_id: str) -> None:
        """Record a published environment, also one whose builder died between publishing and recording it."""
        async with self._database.transaction() as connection:
            if await self._builds.read_environment(connection, environment_id) is not None:
                return
        try:
            manifest = await self._stores.environments.read_manifest(environment_id)
            manifest.pop("start_script", None)
            event = EnvironmentCreated.model_validate(manifest)
        except (RuntimeHostError, ValidationError):
            self._log.warning("environment without a manifest", environment=environment_id)
            return
        await self._append(environment_id, event)

    async def _append(self, environment_id: str, event: Event) -> None:
        try:
            async with self._database.transaction() as connection:
                await self._builds.append_environment(connection, environment_id, event, actor="builder")
        except StreamConflictError:
            self._log.info("another builder was first", environment=environment_id)
