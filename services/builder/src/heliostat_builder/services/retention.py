"""Removing what nothing needs any more; the environments and files that servers have, and what is pinned, stay."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from time import monotonic

import structlog
from heliostat_core.contracts.events import EnvironmentPinned, EnvironmentUnpinned
from heliostat_core.contracts.retention import (
    RemovalReason,
    RemovalView,
    RetentionRunView,
    ShelfItemView,
    ShelfKind,
)
from heliostat_core.database import Database
from heliostat_core.errors import NotFoundError
from heliostat_core.units import format_duration, format_size
from heliostat_core.work import Lease, LeaseLostError, WorkQueue

from ..domain.retention import Candidate, Removal, RetentionRules, ShelfItem, bind, choose_removals
from ..errors import RetentionRunningError
from ..metrics import RetentionMetrics
from ..storage.builds import BuildStorage
from ..storage.retention import RetentionStorage
from .environments import EnvironmentService
from .shelf import ItemBusyError, Shelf

_WORK, _KEY = "retention", "run"
_SHOWN = 10
"""Names of those who need a thing that are told; a popular environment has hundreds."""

_TURN = timedelta(seconds=20)
"""How long one run removes: whoever asked for it over HTTP waits for its answer."""


class RetentionService:
    """Lists what is on the shelf, pins it, and collects what may go.

    Parameters
    ----------
    shelf
        Of the runtime.
    rules
        When to remove.
    """

    def __init__(
        self,
        *,
        database: Database,
        shelf: Shelf,
        storage: RetentionStorage,
        builds: BuildStorage,
        environments: EnvironmentService,
        queue: WorkQueue,
        metrics: RetentionMetrics,
        rules: RetentionRules,
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._storage = storage
        self._builds = builds
        self._environments = environments
        self._queue = queue
        self._metrics = metrics
        self._rules = rules
        self._log = structlog.get_logger()

    async def list_(self) -> list[ShelfItemView]:
        """List everything on the shelf, what was not used for longest first."""
        candidates, _ = await self._look()
        return [
            ShelfItemView(
                kind=each.item.kind,
                id=each.item.id,
                size=each.item.size,
                last_used_at=each.last_used_at,
                pinned=each.pinned,
                needed_by=list(each.needed_by[:_SHOWN]),
                needs=len(each.needed_by),
            )
            for each in sorted(candidates, key=lambda each: each.last_used_at)
        ]

    async def pin(self, environment_id: str, *, by: str) -> None:
        """Keep an environment whatever its use; pinned already is success. Raises NotFoundError."""
        await self._set_pin(environment_id, pinned=True, by=by)

    async def unpin(self, environment_id: str, *, by: str) -> None:
        """Keep an environment no longer than others; not pinned is success. Raises NotFoundError."""
        await self._set_pin(environment_id, pinned=False, by=by)

    async def collect_regularly(self) -> None:
        """Count for the metrics, and collect unless another process does. A background job of every replica."""
        try:
            await self.collect(dry_run=False)
        except RetentionRunningError:
            await self._look()

    async def collect(self, *, dry_run: bool) -> RetentionRunView:
        """Remove what may go, for a while at most, or say what that would be.

        Raises
        ------
        RetentionRunningError
            Another collection is under way.
        """
        if dry_run:
            candidates, now = await self._look()
            removals = choose_removals(candidates, self._rules, now=now)
            return _build_view(candidates, removals, complete=True, dry_run=True)
        async with self._leased() as lease:
            candidates, now = await self._look()
            removals = choose_removals(candidates, self._rules, now=now)
            removed = [removal async for removal in self._remove_all(removals, lease)]
            async with self._database.statements() as connection:
                there = [candidate.item for candidate in candidates]
                await self._storage.forget(connection, there, grace=self._rules.grace)
        return _build_view(candidates, removed, complete=len(removed) == len(removals), dry_run=False)

    async def _look(self) -> tuple[list[Candidate], datetime]:
        """Look at the shelf, and then at who needs what is there."""
        try:
            listed = await self._shelf.list_()
        except Exception:
            self._metrics.forget()
            raise
        async with self._database.statements() as connection:
            ours = await self._storage.list_known(connection, {item.build_id for item in listed if item.build_id})
            # What other instances made in the same engine, their servers need, of which we know nothing.
            items = [item for item in listed if item.build_id is None or item.build_id in ours]
            needs, uses = defaultdict(list), defaultdict(list)
            for row in await self._storage.list_needs(connection):
                needs[row.kind, row.id].append(row.needed_by)
            for row in await self._storage.list_uses(connection):
                uses[row.kind, row.id].extend([row.used_at] if row.used_at else [])
            pinned = await self._storage.list_pinned(connection)
            now = await self._storage.read_now(connection)
        candidates = bind(
            Candidate(
                item,
                last_used_at=max([item.created_at, *uses[item.kind, item.id]]),
                pinned=(item.kind, item.id) in pinned,
                needed_by=tuple(sorted(needs[item.kind, item.id])),
            )
            for item in items
        )
        self._metrics.show(candidates)
        return candidates, now

    async def _remove_all(self, removals: Sequence[Removal], lease: Lease) -> AsyncIterator[Removal]:
        begun = monotonic()
        for removal in removals:
            if monotonic() - begun > _TURN.total_seconds():
                return
            if await self._remove(removal, lease):
                yield removal

    async def _remove(self, removal: Removal, lease: Lease) -> bool:
        item = removal.candidate.item
        async with self._database.transaction() as connection:
            await self._queue.guard(connection, lease)
            if not await self._storage.doom(connection, item, token=lease.token, grace=self._rules.grace):
                return False
        busy = await self._take_off(item)
        async with self._database.statements() as connection:
            await self._storage.spare(connection, item)
        if busy:
            self._log.warning("item stays", kind=item.kind.value, id=item.id, reason=busy.message)
            return False
        if item.kind is ShelfKind.ENVIRONMENT:
            await self._environments.record_retired(item.id, reason=_explain(removal, self._rules))
        self._metrics.count(item.kind, removal.reason)
        self._log.info("item removed", kind=item.kind.value, id=item.id, size=item.size, reason=removal.reason.value)
        return True

    async def _take_off(self, item: ShelfItem) -> ItemBusyError | None:
        try:
            await self._shelf.remove(item)
        except ItemBusyError as error:
            return error
        return None

    @asynccontextmanager
    async def _leased(self) -> AsyncIterator[Lease]:
        """Hold the right to collect, which one process has at a time."""
        async with self._database.statements() as connection:
            await self._queue.add(connection, kind=_WORK, key=_KEY)
        leases = await self._queue.claim(_WORK, key=_KEY)
        if not leases:
            raise RetentionRunningError
        try:
            async with self._queue.held(leases[0]):
                yield leases[0]
            async with self._database.statements() as connection:
                await self._queue.finish(connection, leases[0])
        except LeaseLostError as error:
            raise RetentionRunningError from error
        except BaseException:
            await self._queue.release(leases[0])
            raise

    async def _set_pin(self, environment_id: str, *, pinned: bool, by: str) -> None:
        async with self._database.transaction() as connection:
            environment = await self._builds.read_environment(connection, environment_id)
            if environment is None:
                raise NotFoundError(what="environment", key=environment_id)
            if (environment.pinned_by is not None) == pinned:
                return
            event = (
                EnvironmentPinned(environment_id=environment_id, pinned_by=by)
                if pinned
                else EnvironmentUnpinned(environment_id=environment_id, unpinned_by=by)
            )
            await self._builds.append_environment(connection, environment_id, event, actor=by)


def _explain(removal: Removal, rules: RetentionRules) -> str:
    """Say for the log why an environment went."""
    if removal.reason is RemovalReason.AGE and rules.age is not None:
        return f"nothing used it for {format_duration(rules.age)}"
    return f"all together took more than {format_size(rules.space or 0)}, and nothing used it for longer"


def _build_view(
    candidates: Sequence[Candidate], removals: Sequence[Removal], *, complete: bool, dry_run: bool
) -> RetentionRunView:
    freed = sum(removal.candidate.item.size for removal in removals)
    return RetentionRunView(
        dry_run=dry_run,
        removed=[
            RemovalView(
                kind=removal.candidate.item.kind,
                id=removal.candidate.item.id,
                size=removal.candidate.item.size,
                last_used_at=removal.candidate.last_used_at,
                reason=removal.reason,
            )
            for removal in removals
        ],
        freed=freed,
        left=sum(each.item.size for each in candidates) - freed,
        complete=complete,
    )
