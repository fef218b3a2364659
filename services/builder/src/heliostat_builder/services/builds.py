"""Builds as callers see them: requested, joined, read, cancelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from heliostat_core.clients import PolicyClient
from heliostat_core.contracts.builds import BuildRequest, BuildState, PlanDecision, PlanView
from heliostat_core.contracts.events import BuildCancelled, BuildFinished, BuildJoined, BuildRequested
from heliostat_core.contracts.policy import AdmissionAction, AdmissionRequest
from heliostat_core.database import Database
from heliostat_core.errors import ForbiddenError, NotFoundError
from heliostat_core.eventstore import StreamConflictError
from heliostat_core.wakeups import Wakeups
from heliostat_core.work import WorkQueue

from ..domain.builds import Build
from ..errors import BuildEndedError, BuildNotAllowedError, BuildSharedError
from ..metrics import BuilderMetrics
from ..storage.builds import AlreadyBuildingError, BuildStorage
from .planning import PlanningService

FULL_WORK, CONTENT_WORK = "build", "content"
"""Kinds of work. Laying files on an environment takes a second and does not wait behind environments being built."""


@dataclass(frozen=True, slots=True)
class Requester:
    """For whom something is asked, and whether the asker sees everybody's builds and may cancel them."""

    user: str
    groups: Sequence[str] = ()
    sees_all: bool = False
    admin: bool = False


class BuildService:
    """What the HTTP surface does with builds."""

    def __init__(
        self,
        *,
        database: Database,
        builds: BuildStorage,
        planning: PlanningService,
        policy: PolicyClient,
        queue: WorkQueue,
        wakeups: Wakeups,
        metrics: BuilderMetrics,
    ) -> None:
        self._database = database
        self._builds = builds
        self._planning = planning
        self._policy = policy
        self._queue = queue
        self._wakeups = wakeups
        self._metrics = metrics

    async def request(self, request: BuildRequest, *, by: Requester, correlation_id: UUID | None) -> Build:
        """Begin the build of a commit, or join the one under way, or return the one that is done.

        Raises
        ------
        BuildNotAllowedError
            Policy says no.
        ClientError, UnavailableError
            It cannot be planned, or policy does not answer; then nothing is built.
        """
        plan = await self._planning.plan(request)
        if plan.decision is PlanDecision.HIT:
            return await self._record_hit(plan, by=by, correlation_id=correlation_id)
        await self._admit(plan, by=by, correlation_id=correlation_id)
        return await self._begin_or_join(plan, by=by, correlation_id=correlation_id)

    async def read(self, build_id: UUID, *, by: Requester) -> Build:
        """Read one build; raises NotFoundError also for one the caller may not see."""
        async with self._database.statements() as connection:
            build = await self._builds.read(connection, build_id)
        if build is None or not (by.sees_all or by.user in build.requesters):
            raise NotFoundError(what="build", key=str(build_id))
        return build

    async def list_(
        self, *, by: Requester, repository: str | None, state: BuildState | None, before: UUID | None, most: int
    ) -> list[Build]:
        """List the builds the caller may see, the latest first; ``before`` goes on after one of them."""
        user = None if by.sees_all else by.user
        async with self._database.statements() as connection:
            return await self._builds.list_(
                connection, user=user, repository=repository, state=state, before=before, most=most
            )

    async def cancel(self, build_id: UUID, *, by: Requester) -> Build:
        """Cancel a build: it ends in this transaction, and whoever works on it is told and has no right to go on.

        Raises
        ------
        NotFoundError, ForbiddenError
            Not the caller's to see, or to cancel.
        BuildEndedError, BuildSharedError
            Too late, or others wait for it.
        """
        await self.read(build_id, by=by)
        async with self._database.transaction() as connection:
            await self._builds.delete_work(connection, build_id)
            build = await self._builds.read(connection, build_id, lock=True)
            assert build is not None  # noqa: S101 builds are never deleted
            _check_cancel(build, by)
            lines = await self._builds.count_lines(connection, build_id)
            event = BuildCancelled(build_id=build_id, cancelled_by=by.user, log_lines=lines)
            await self._builds.append(connection, build_id, event, actor=by.user)
        self._wakeups.announce(f"stream:build-{build_id}", f"log:{build_id}")
        self._metrics.count(build, BuildState.CANCELLED)
        return await self.read(build_id, by=by)

    async def _admit(self, plan: PlanView, *, by: Requester, correlation_id: UUID | None) -> None:
        verdict = await self._policy.admit(
            AdmissionRequest(
                action=AdmissionAction.BUILD,
                user=by.user,
                groups=list(by.groups),
                repository=plan.repo,
                correlation_id=correlation_id,
            )
        )
        if not verdict.allowed:
            raise BuildNotAllowedError(
                message=verdict.message,
                remedy=verdict.remedy,
                rule=verdict.rule,
                policy_version=verdict.policy_version,
            )

    async def _begin_or_join(self, plan: PlanView, *, by: Requester, correlation_id: UUID | None) -> Build:
        while True:
            async with self._database.statements() as connection:
                build = await self._builds.read_latest(connection, plan.image_id)
            if build is not None:
                return await self._join(build, by=by)
            request = BuildRequested(build_id=uuid4(), requested_by=by.user, plan=plan)
            kind = FULL_WORK if plan.decision is PlanDecision.FULL else CONTENT_WORK
            try:
                async with self._database.transaction() as connection:
                    await self._builds.begin(connection, request=request, correlation_id=correlation_id)
                    await self._queue.add(connection, kind=kind, key=str(request.build_id))
            except AlreadyBuildingError:
                continue  # somebody was first, or has just ended: look again
            self._wakeups.announce(f"work:{kind}", f"stream:build-{request.build_id}")
            return await self.read(request.build_id, by=by)

    async def _join(self, build: Build, *, by: Requester) -> Build:
        if by.user in build.requesters:
            return build
        async with self._database.transaction() as connection:
            locked = await self._builds.read(connection, build.id, lock=True)
            if locked is not None and by.user not in locked.requesters:
                event = BuildJoined(build_id=build.id, requested_by=by.user)
                await self._builds.append(connection, build.id, event, actor=by.user)
        return await self.read(build.id, by=by)

    async def _record_hit(self, plan: PlanView, *, by: Requester, correlation_id: UUID | None) -> Build:
        """Return a build for what needs none: the one that made it, or one that ends as it begins."""
        async with self._database.statements() as connection:
            build = await self._builds.read_latest(connection, plan.image_id, (BuildState.SUCCEEDED,))
        if build is not None:
            return await self._join(build, by=by)
        request = BuildRequested(build_id=uuid4(), requested_by=by.user, plan=plan)
        finished = BuildFinished(
            build_id=request.build_id,
            environment_id=plan.environment_id,
            content_id=plan.content_id,
            image=plan.image,
            log_lines=0,
        )
        try:
            async with self._database.transaction() as connection:
                await self._builds.begin(connection, request=request, correlation_id=correlation_id)
                await self._builds.append(connection, request.build_id, finished, actor=by.user)
        except (AlreadyBuildingError, StreamConflictError):
            return await self._begin_or_join(plan, by=by, correlation_id=correlation_id)
        return await self.read(request.build_id, by=by)


def _check_cancel(build: Build, by: Requester) -> None:
    if build.state.final:
        raise BuildEndedError(state=build.state.value)
    if by.admin:
        return
    if by.user not in build.requesters:
        raise ForbiddenError(scope="custom:heliostat:admin")
    if any(user != by.user for user in build.requesters):
        raise BuildSharedError
