"""Driving one launch from its plan to a running server. Every step is recorded; any replica can go on from any of them.

What is done outside (asking for a build, asking for a start) is recorded as an intent first and is idempotent at the
other side, and a launch that is taken over looks at the hub's truth before it asks again. Two processes that both think
they drive a launch cannot both append to its stream: the second reads it anew.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import structlog
from heliostat_core.clients import BuilderClient, PolicyClient
from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.builds import BuildRequest, BuildState
from heliostat_core.contracts.launches import LaunchState
from heliostat_core.contracts.policy import AdmissionAction, AdmissionRequest, AdmissionView, ServerFact
from heliostat_core.errors import ClientError, HeliostatError, UnavailableError
from heliostat_core.eventstore import EventStore, StreamConflictError
from heliostat_core.wakeups import Wakeups
from heliostat_core.work import Lease

from ..domain.choice import Choice, choose_server
from ..domain.launch import Launch
from ..domain.names import DERIVED_LENGTH
from ..domain.openings import build_opening
from ..domain.outcomes import Outcome, classify
from ..domain.refusals import build_refusal
from ..domain.servers import HubServer, HubUser
from ..domain.urls import build_server_path, build_server_url
from ..errors import (
    BuildUnsuccessfulError,
    HubBusyError,
    HubRefusedError,
    LaunchDeadlineError,
    ServerNameTakenError,
    SpawnFailedError,
    UserUnknownError,
    build_error_view,
    is_transient,
)
from ..metrics import SessionsMetrics
from ..storage.host import Host
from ..storage.hub import HubClient
from ..storage.launches import LaunchStorage
from ..storage.sessions import SessionStorage
from .launch_journal import LaunchJournal
from .reconcile import Reconciler
from .spawning import SpawnService

_MOST_ATTEMPTS = 3
_FIRST_PAUSE = timedelta(milliseconds=100)
_LONGEST_PAUSE = timedelta(seconds=5)
_BUILD_POLL = timedelta(milliseconds=500)
_CANCEL_POLL = timedelta(seconds=5)


class LaunchSaga:
    """Drives launches.

    Parameters
    ----------
    public
        Public URL of the hub, without a slash at the end.
    api
        Public URL of this service's API, with a slash at the end.
    deadline
        A launch that takes longer has failed.
    patience
        How long a step waits for something that is away.
    host
        Says what it cannot limit.
    """

    def __init__(
        self,
        *,
        store: EventStore,
        launches: LaunchStorage,
        sessions: SessionStorage,
        builder: BuilderClient,
        policy: PolicyClient,
        hub: HubClient,
        spawns: SpawnService,
        reconciler: Reconciler,
        journal: LaunchJournal,
        wakeups: Wakeups,
        metrics: SessionsMetrics,
        public: str,
        api: str,
        deadline: timedelta,
        patience: timedelta,
        host: Host,
    ) -> None:
        self._store = store
        self._launches = launches
        self._sessions = sessions
        self._builder = builder
        self._policy = policy
        self._hub = hub
        self._spawns = spawns
        self._reconciler = reconciler
        self._journal = journal
        self._wakeups = wakeups
        self._metrics = metrics
        self._public = public
        self._api = api
        self._deadline = deadline
        self._patience = patience
        self._host = host
        self._unasked: set[UUID] = set()  # launches whose intent this process has just recorded: no look is needed
        self._log = structlog.get_logger()

    async def resume(self, lease: Lease) -> None:
        """Drive a launch whose process is gone."""
        await self.run(UUID(lease.key))

    async def run(self, launch_id: UUID, launch: Launch | None = None, user: HubUser | None = None) -> None:
        """Bring a launch to its end and clean up behind one that led nowhere.

        Parameters
        ----------
        launch
            The launch where it was just made; a launch that is taken over is read.
        user
            The user's servers where they were just read.
        """
        launch = launch or await self._journal.load(launch_id)
        if not launch.final:
            phase = launch.phase
            launch = await self._drive(launch, user)
            if launch.state is LaunchState.CANCELLED:
                self._journal.count(launch, phase="spawn" if launch.admitted else phase, outcome=Outcome.CANCELLED)
        await self._clean_up(launch)
        self._reconciler.schedule(launch.requested.user)

    async def _drive(self, launch: Launch, user: HubUser | None) -> Launch:
        steps = asyncio.create_task(self._take_steps(launch, user), name=f"steps of launch {launch.id}")
        watch = asyncio.create_task(self._wait_until_cancelled(launch.id), name=f"cancellation of launch {launch.id}")
        try:
            await asyncio.wait([steps, watch], return_when=asyncio.FIRST_COMPLETED)
            if steps.done():
                return steps.result()
        finally:
            for task in (steps, watch):
                task.cancel()
            await asyncio.wait([steps, watch])
        return await self._journal.load(launch.id)

    async def _wait_until_cancelled(self, launch_id: UUID) -> None:
        with self._wakeups.listening(f"cancel:launch-{launch_id}") as heard:
            while True:
                await heard.wait(at_most=_CANCEL_POLL)
                try:
                    async with self._store.database.statements() as connection:
                        if await self._launches.read_state(connection, launch_id) is LaunchState.CANCELLED:
                            return
                except UnavailableError:
                    continue  # the steps meet the same outage and say so

    async def _take_steps(self, launch: Launch, user: HubUser | None) -> Launch:
        try:
            left = launch.created_at + self._deadline - datetime.now(UTC)
            async with asyncio.timeout(max(left.total_seconds(), 0)):
                while not launch.final:
                    with self._metrics.phase_duration.labels(launch.phase).time():
                        launch = await self._take_step_patiently(launch, user)
                    user = None
                return launch
        except TimeoutError:
            late = await self._journal.load(launch.id)
            return late if late.final else await self._fail(late, LaunchDeadlineError(deadline=self._deadline))

    async def _take_step_patiently(self, launch: Launch, user: HubUser | None) -> Launch:
        """Take one step, again and again while what it needs is away."""
        pause, begun = _FIRST_PAUSE, datetime.now(UTC)
        while True:
            try:
                return await self._take_step(launch, user)
            except StreamConflictError:
                return await self._journal.load(launch.id)
            except ServerNameTakenError:
                user = None
            except HeliostatError as error:
                if not is_transient(error) or isinstance(error, SpawnFailedError):
                    return await self._give_up(launch, error)
                waited = datetime.now(UTC) - begun
                if waited > self._patience and not isinstance(error, HubBusyError):  # a busy hub has a queue
                    return await self._give_up(launch, error)
                self._log.info("launch waits", launch=str(launch.id), phase=launch.phase, error=error.code)
                await asyncio.sleep(pause.total_seconds())
                pause = min(pause * 2, _LONGEST_PAUSE)
                latest = await self._journal.load(launch.id)
                if latest.version != launch.version:
                    return latest
                user = None

    async def _take_step(self, launch: Launch, user: HubUser | None) -> Launch:
        match launch.state:
            case LaunchState.REQUESTED | LaunchState.PLANNED:
                return await self._ask_for_build(launch)
            case LaunchState.BUILDING:
                return await self._wait_for_build(launch)
            case LaunchState.BUILT:
                return await self._admit(launch, user)
            case _:
                return await self._spawn(launch)

    async def _ask_for_build(self, launch: Launch) -> Launch:
        plan = launch.planned
        request = BuildRequest(repo=plan.repo, ref=plan.commit, provider=plan.provider)
        asked = launch.requested
        build = await self._builder.ensure_build(
            request, user=asked.user, groups=asked.groups, correlation_id=launch.id
        )
        awaited = kinds.LaunchBuildAwaited(launch_id=launch.id, build_id=build.id)
        if build.state is BuildState.SUCCEEDED:
            return await self._journal.append(launch, awaited, self._built(launch, build.id, build.image))
        return await self._journal.append(launch, awaited)

    async def _wait_for_build(self, launch: Launch) -> Launch:
        assert launch.build_id is not None  # noqa: S101 the state says so
        with self._wakeups.listening(f"stream:build-{launch.build_id}") as heard:
            while True:
                async with self._store.database.statements() as connection:
                    found = await self._launches.read_build(connection, launch.build_id)
                if found is not None:
                    if found.state is BuildState.SUCCEEDED:
                        return await self._journal.append(launch, self._built(launch, launch.build_id, found.image))
                    if found.state.final:
                        raise BuildUnsuccessfulError(found.failure)
                await heard.wait(at_most=_BUILD_POLL)

    def _built(self, launch: Launch, build_id: UUID, image: str | None) -> kinds.LaunchBuilt:
        plan = launch.planned
        return kinds.LaunchBuilt(
            launch_id=launch.id,
            build_id=build_id,
            environment_id=plan.environment_id,
            content_id=plan.content_id,
            image=image,
        )

    async def _admit(self, launch: Launch, user: HubUser | None) -> Launch:
        """Choose the server, ask policy, and record choice and intent to start in one transaction."""
        request, plan = launch.requested, launch.planned
        user = user or await self._hub.read_user(request.user)
        if user is None:
            raise UserUnknownError(user=request.user)
        async with self._store.database.statements() as connection:
            sessions = await self._sessions.list_of_user(connection, request.user)
            busy = await self._launches.list_busy(connection, user=request.user)
        choice = choose_server(request, plan, sessions=sessions, servers=user.servers, busy=busy)
        decision: AdmissionView | None = None
        if not choice.running:
            decision = await self._ask_policy(launch, choice, user.servers)
            longest = decision.rules.server_name_length
            if not decision.allowed and request.server_name is None and longest < min(len(choice.name), DERIVED_LENGTH):
                choice = choose_server(
                    request, plan, sessions=sessions, servers=user.servers, busy=busy, length=longest
                )
                decision = await self._ask_policy(launch, choice, user.servers)
            if not decision.allowed:
                view = build_refusal(decision, servers=user.servers, sessions=sessions, api=self._api)
                refused = kinds.LaunchRefused(launch_id=launch.id, decision_id=decision.decision_id, error=view)
                return self._journal.count(
                    await self._journal.append(launch, refused), phase="admit", outcome=Outcome.QUOTA
                )
        return await self._take_server(launch, choice, decision)

    async def _ask_policy(self, launch: Launch, choice: Choice, servers: Mapping[str, HubServer]) -> AdmissionView:
        return await self._policy.admit(
            AdmissionRequest(
                action=AdmissionAction.START if choice.name in servers else AdmissionAction.CREATE,
                user=launch.requested.user,
                groups=launch.requested.groups,
                server_name=choice.name,
                repository=launch.planned.repo,
                session_id=choice.session.id if choice.session else None,
                correlation_id=launch.id,
                servers=[ServerFact(name=name, active=server.active) for name, server in servers.items()],
                unenforced=list(await self._host.list_unenforced()),
            )
        )

    async def _take_server(self, launch: Launch, choice: Choice, decision: AdmissionView | None) -> Launch:
        session_id = choice.session.id if choice.session else uuid4()
        admitted = kinds.LaunchAdmitted(
            launch_id=launch.id,
            decision_id=decision.decision_id if decision else None,
            session_id=session_id,
            server_name=choice.name,
            reopened=choice.session is not None,
        )
        if choice.running:
            assert choice.server is not None  # noqa: S101 it runs
            ready = self._ready(launch, choice.name, session_id, choice.server.url)
            done = await self._journal.append(launch, admitted, ready, choice=choice, session_id=session_id)
            return self._journal.count(done, phase="admit", outcome=Outcome.SUCCESS)
        intent = kinds.LaunchSpawnRequested(launch_id=launch.id, session_id=session_id, attempt=1)
        launch = await self._journal.append(launch, admitted, intent, choice=choice, session_id=session_id)
        if choice.server is None or not choice.server.active:
            self._unasked.add(launch.id)
        return launch

    async def _spawn(self, launch: Launch) -> Launch:
        """Ask the hub to start the server, unless a look shows that this has happened, and follow it."""
        assert launch.admitted is not None  # noqa: S101 the state says so
        look = launch.id not in self._unasked
        self._unasked.discard(launch.id)
        user, name = launch.requested.user, launch.admitted.server_name
        server = await self._hub.read_server(user, name) if look else None
        if server is not None and server.pending not in {None, "spawn"}:
            raise HubBusyError
        if server is not None and server.ready:
            return await self._become_ready(launch, server.url)
        if server is None or not server.active:
            if launch.heard:
                launch = await self._ask_again(launch)
            await self._spawns.start(user, name, options=self._build_options(launch))
        with self._metrics.spawns.track_inprogress():
            return await self._follow(launch, user, name)

    async def _ask_again(self, launch: Launch) -> Launch:
        """Record another intent, for a server that was starting and is not any more, without a word."""
        assert launch.admitted is not None  # noqa: S101 the state says so
        if launch.attempt >= _MOST_ATTEMPTS:
            raise SpawnFailedError(message=f"The server did not come up in {launch.attempt} attempts")
        intent = kinds.LaunchSpawnRequested(
            launch_id=launch.id, session_id=launch.admitted.session_id, attempt=launch.attempt + 1
        )
        return await self._journal.append(launch, intent)

    def _build_options(self, launch: Launch) -> dict[str, object]:
        assert launch.admitted is not None  # noqa: S101 the state says so
        return self._spawns.build_options(
            launch.planned,
            launch.requested,
            name=launch.admitted.server_name,
            session_id=launch.admitted.session_id,
        )

    async def _follow(self, launch: Launch, user: str, name: str) -> Launch:
        try:
            async with aclosing(self._hub.watch_progress(user, name)) as messages:
                async for message in messages:
                    if message.failed:
                        raise SpawnFailedError(message=message.message)
                    if message.ready:
                        return await self._become_ready(launch, message.url or build_server_path(user=user, name=name))
                    if message.message and message.message not in launch.heard:
                        progressed = kinds.LaunchProgressed(
                            launch_id=launch.id, message=message.message, progress=message.progress
                        )
                        launch = await self._journal.append(launch, progressed)
        except HubRefusedError as error:
            raise HubBusyError from error  # not starting (any more): look again
        raise HubBusyError

    async def _become_ready(self, launch: Launch, server_url: str) -> Launch:
        assert launch.admitted is not None  # noqa: S101 the state says so
        ready = self._ready(launch, launch.admitted.server_name, launch.admitted.session_id, server_url)
        return self._journal.count(await self._journal.append(launch, ready), phase="spawn", outcome=Outcome.SUCCESS)

    def _ready(self, launch: Launch, name: str, session_id: UUID, server_url: str) -> kinds.LaunchReady:
        path = server_url if server_url.startswith("/") else build_server_path(user=launch.requested.user, name=name)
        opening = build_opening(path=launch.requested.path, urlpath=launch.requested.urlpath)
        return kinds.LaunchReady(
            launch_id=launch.id,
            session_id=session_id,
            url=build_server_url(public=self._public, server_url=path, opening=opening),
            server_url=f"{self._public}{path}",
        )

    async def _give_up(self, launch: Launch, error: HeliostatError) -> Launch:
        launch = await self._journal.load(launch.id)
        if launch.final:
            return launch
        try:
            if launch.state is LaunchState.BUILT and isinstance(error, ClientError) and not is_transient(error):
                refused = kinds.LaunchRefused(launch_id=launch.id, decision_id=None, error=build_error_view(error))
                return self._journal.count(
                    await self._journal.append(launch, refused), phase="admit", outcome=classify(error)
                )
            return await self._fail(launch, error)
        except StreamConflictError:
            return await self._journal.load(launch.id)

    async def _fail(self, launch: Launch, error: HeliostatError) -> Launch:
        failed = kinds.LaunchFailed(launch_id=launch.id, phase=launch.phase, error=build_error_view(error))
        phase = launch.phase
        return self._journal.count(await self._journal.append(launch, failed), phase=phase, outcome=classify(error))

    async def _clean_up(self, launch: Launch) -> None:
        """Take back a server that only this launch asked for and that never came up: it holds nobody's work."""
        if launch.state is LaunchState.READY or launch.admitted is None or launch.admitted.reopened:
            return
        user, name = launch.requested.user, launch.admitted.server_name
        async with self._store.database.statements() as connection:
            session = await self._sessions.read(connection, launch.admitted.session_id)
        if session is None or session.started_at is not None or not name:
            return
        server = await self._hub.read_server(user, name)
        if server is not None and not server.ready:
            await self._hub.remove(user, name)
