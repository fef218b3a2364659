"""Doing the work: taking builds from the queue, and bringing each to its one end."""

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from heliostat_core.contracts.builds import BuildState, PlanDecision
from heliostat_core.contracts.events import BuildFailed, BuildFinished, BuildInterrupted, BuildStarted
from heliostat_core.contracts.model import ErrorView
from heliostat_core.database import Database, DatabaseUnavailableError
from heliostat_core.errors import ClientError, HeliostatError, UnavailableError
from heliostat_core.units import format_duration
from heliostat_core.wakeups import Wakeups
from heliostat_core.work import Lease, LeaseLostError, WorkQueue
from heliostat_runtime import RuntimeHostError

from ..domain.builds import MAX_ATTEMPTS, Build
from ..domain.failures import explain_full_disk
from ..domain.loglines import Redactor
from ..domain.providers import Revision
from ..errors import BuildFailedError
from ..metrics import BuilderMetrics
from ..storage.builds import BuildStorage
from .environments import EnvironmentService
from .logs import BuildLog
from .planning import Decided, PlanningService
from .runtime import Attempt, Runtime

_POLL = timedelta(seconds=2)
_WAIT_FOR_ENVIRONMENT = timedelta(seconds=1)
_WAIT_FOR_REMOVAL = timedelta(seconds=1)
_ENVIRONMENT_WORK = "environment"


class Worker:
    """Works on builds.

    Parameters
    ----------
    deadline
        One attempt takes no longer.
    """

    def __init__(
        self,
        *,
        database: Database,
        builds: BuildStorage,
        planning: PlanningService,
        environments: EnvironmentService,
        runtime: Runtime,
        queue: WorkQueue,
        wakeups: Wakeups,
        redactor: Redactor,
        metrics: BuilderMetrics,
        deadline: timedelta,
    ) -> None:
        self._database = database
        self._builds = builds
        self._planning = planning
        self._environments = environments
        self._runtime = runtime
        self._queue = queue
        self._wakeups = wakeups
        self._redactor = redactor
        self._metrics = metrics
        self._deadline = deadline
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._log = structlog.get_logger()

    async def work(self, kind: str) -> None:
        """Take one build after another, for ever. Several of these run at once: the bound on parallel builds."""
        with self._wakeups.listening(f"work:{kind}") as heard:
            while True:
                leases = await self._queue.claim(kind)
                if not leases:
                    await heard.wait(at_most=_POLL)
                for lease in leases:
                    await self.process(lease)

    async def process(self, lease: Lease) -> None:
        """Work on one build until it has ended, has to wait, or is not ours any more."""
        try:
            with self._metrics.running.track_inprogress():
                async with self._queue.held(lease):
                    built = await self._process(lease)
                if built:  # the lease ended with the build, and nobody waits for this
                    await self._runtime.discard(lease.key)
        except LeaseLostError:
            self._log.info("build given up", build=lease.key, attempt=lease.attempt)
            await self._environments.discard_leftovers()  # of nobody's any more, where it was cancelled
        except asyncio.CancelledError:
            await self._queue.release(lease)  # so that the next process goes on at once
            raise

    async def _process(self, lease: Lease) -> bool:
        """Work on a build whose lease is held; whether it ran here until it had succeeded or was ended by others."""
        build_id = UUID(lease.key)
        async with self._database.transaction() as connection:
            build = await self._builds.read(connection, build_id)
            if build is None or build.state.final:
                await self._queue.finish(connection, lease)
                return False
            count = await self._builds.count_lines(connection, build_id)
        log = BuildLog(
            database=self._database,
            builds=self._builds,
            queue=self._queue,
            wakeups=self._wakeups,
            redactor=self._redactor,
            build_id=build_id,
            lease=lease,
            count=count,
        )
        try:
            return await self._attempt(build, lease, log)
        except BuildFailedError as error:
            await self._fail(build, log, error)
        except (ClientError, UnavailableError) as error:
            if isinstance(error, DatabaseUnavailableError):
                raise
            await self._fail(build, log, error)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            await self._fail(build, log, explain_full_disk())
        except RuntimeHostError as error:
            await self._fail(build, log, BuildFailedError(code=error.code, message=error.message, remedy=error.remedy))
        return False

    async def _attempt(self, build: Build, lease: Lease, log: BuildLog) -> bool:
        most = MAX_ATTEMPTS
        if build.attempt:
            async with self._database.statements() as connection:
                most += await self._builds.count_interruptions(connection, build.id)
        if build.attempt >= most:
            raise BuildFailedError(
                code="builder_lost",
                message=f"The builder died {MAX_ATTEMPTS} times while it worked on this build",
                remedy="Look for what the build does to its host; an operator finds more in the builder's log.",
            )
        decided = await self._planning.decide(Revision.of(build.plan), slug=build.plan.slug)
        if decided.doomed:
            await self._queue.release(lease, delay=_WAIT_FOR_REMOVAL)
            return False
        async with AsyncExitStack() as stack:
            if decided.decision is PlanDecision.FULL:
                environment = await self._claim_environment(decided.files.environment_id)
                if environment is None:
                    await self._queue.release(lease, delay=_WAIT_FOR_ENVIRONMENT)
                    return False
                stack.push_async_callback(self._give_up_environment, environment)
                await stack.enter_async_context(self._queue.held(environment))
                decided = await self._planning.decide(Revision.of(build.plan), slug=build.plan.slug)
            await self._start(build, lease, log, most=most)
            stack.push_async_exit(partial(self._note_interruption, build, lease))
            await stack.enter_async_context(log.flushing())
            await self._unless_ended(build.id, self._build(build, decided, log))
        return True

    async def _note_interruption(
        self, build: Build, lease: Lease, _: type[BaseException] | None, error: BaseException | None, *__: object
    ) -> None:
        """Say that an attempt ended because this process stops: what stops builders does not count as their death."""
        if not isinstance(error, asyncio.CancelledError):
            return
        event = BuildInterrupted(build_id=build.id, attempt=build.attempt + 1)
        try:
            async with self._database.transaction() as connection:
                await self._queue.guard(connection, lease)
                await self._builds.append(connection, build.id, event, actor="builder")
        except (LeaseLostError, DatabaseUnavailableError):
            return  # it was not a stop, or cannot be told from one
        self._wakeups.announce(f"stream:build-{build.id}")

    async def _claim_environment(self, environment_id: str) -> Lease | None:
        """Take the right to make an environment; None while somebody else makes it."""
        async with self._database.statements() as connection:
            await self._queue.add(connection, kind=_ENVIRONMENT_WORK, key=environment_id)
        leases = await self._queue.claim(_ENVIRONMENT_WORK, key=environment_id)
        return leases[0] if leases else None

    async def _give_up_environment(self, lease: Lease) -> None:
        try:
            async with self._database.statements() as connection:
                await self._queue.finish(connection, lease)
        except (LeaseLostError, DatabaseUnavailableError):
            return  # it expires by itself

    async def _start(self, build: Build, lease: Lease, log: BuildLog, *, most: int) -> None:
        event = BuildStarted(build_id=build.id, attempt=build.attempt + 1, builder=self._name)
        async with self._database.transaction() as connection:
            await self._queue.guard(connection, lease)
            await self._builds.append(connection, build.id, event, actor="builder")
        self._wakeups.announce(f"stream:build-{build.id}")
        if build.attempt:
            await log.say(
                "queue",
                f"The builder of attempt {build.attempt} stopped; attempt {event.attempt} of {most} begins",
            )
        else:
            self._metrics.count_wait(build)

    async def _build(self, build: Build, decided: Decided, log: BuildLog) -> None:
        try:
            async with asyncio.timeout(self._deadline.total_seconds()):
                image = await self._runtime.build(
                    Attempt(build=build, files=decided.files, todo=decided.decision, log=log)
                )
                await self._environments.ensure_recorded(decided.files.environment_id)
        except TimeoutError as error:
            raise BuildFailedError(
                code="deadline_exceeded",
                message=f"The build took longer than {format_duration(self._deadline)} and was stopped",
                remedy="Install less, or ask the operator for a longer BUILD_DEADLINE.",
            ) from error
        await log.say("publish", "Ready")
        event = BuildFinished(
            build_id=build.id,
            environment_id=decided.files.environment_id,
            content_id=decided.files.content_id,
            image=image,
            log_lines=log.count,
        )
        await log.end(event, actor="builder")
        self._metrics.count(build, BuildState.SUCCEEDED)

    async def _unless_ended(self, build_id: UUID, work: Awaitable[None]) -> None:
        """Do the work, but stop it at once when the build is ended by somebody else."""
        doing = asyncio.ensure_future(work)
        watching = asyncio.create_task(self._wait_for_end(build_id), name=f"watch build {build_id}")
        try:
            await asyncio.wait({doing, watching}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                await doing
        finally:
            doing.cancel()
            watching.cancel()
            await asyncio.wait({doing, watching})
            if not doing.cancelled():
                doing.exception()  # seen; raised above, or of no interest after the end

    async def _wait_for_end(self, build_id: UUID) -> None:
        with self._wakeups.listening(f"stream:build-{build_id}") as heard:
            while True:
                await heard.wait(at_most=_POLL)
                try:
                    async with self._database.statements() as connection:
                        build = await self._builds.read(connection, build_id)
                except DatabaseUnavailableError:
                    continue  # the lease decides what then happens
                if build is None or build.state.final:
                    return

    async def _fail(self, build: Build, log: BuildLog, error: HeliostatError) -> None:
        await self._runtime.discard(str(build.id))
        await log.say("failed", error.message)
        details = {**error.details, "log_line": log.count}
        view = ErrorView(
            code=error.code, message=error.message, field=error.field, remedy=error.remedy, details=details
        )
        await log.end(BuildFailed(build_id=build.id, error=view, log_lines=log.count), actor="builder")
        self._metrics.count(build, BuildState.FAILED, code=error.code)
        self._log.info("build failed", build=str(build.id), code=error.code)
