"""Asking for launches, looking at them, cancelling them."""

import asyncio
from uuid import UUID, uuid4

from heliostat_core.auth import HubUnavailableError, Principal
from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.builds import BuildRequest, PlanDecision, PlanView
from heliostat_core.contracts.events import Event
from heliostat_core.contracts.launches import LaunchRequest, LaunchView
from heliostat_core.errors import HeliostatError, NotFoundError
from heliostat_core.eventstore import EventStore, NewEvent, StreamConflictError
from heliostat_core.ids import launch_stream
from heliostat_core.wakeups import Wakeups
from heliostat_core.work import WorkQueue
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.launch import Launch, build_launch
from ..domain.names import is_server_name
from ..domain.openings import build_opening
from ..domain.outcomes import classify
from ..domain.servers import HubUser
from ..errors import (
    HubRefusedError,
    IdempotencyKeyInvalidError,
    IdempotencyKeyReusedError,
    LaunchFinishedError,
    ServerNameInvalidError,
)
from ..metrics import SessionsMetrics
from ..storage.hub import HubClient
from ..storage.launches import LaunchStorage
from .launch_journal import ACTOR
from .planning import PlanService
from .preadmission import Preadmission
from .runner import WorkRunner
from .saga import LaunchSaga

WORK = "launch"
"""Kind of the work items of launches."""

_LONGEST_KEY = 255
_REQUEST_FIELDS = {"repo", "ref", "provider", "spec", "path", "urlpath", "server_name", "new"}


class LaunchService:
    """Launches as users see them."""

    def __init__(
        self,
        *,
        store: EventStore,
        launches: LaunchStorage,
        plans: PlanService,
        hub: HubClient,
        queue: WorkQueue,
        runner: WorkRunner,
        saga: LaunchSaga,
        preadmission: Preadmission,
        metrics: SessionsMetrics,
        wakeups: Wakeups,
    ) -> None:
        self._store = store
        self._launches = launches
        self._plans = plans
        self._hub = hub
        self._queue = queue
        self._runner = runner
        self._saga = saga
        self._preadmission = preadmission
        self._metrics = metrics
        self._wakeups = wakeups

    async def request(
        self, request: LaunchRequest, *, key: str | None, by: Principal, temporary: bool = False
    ) -> LaunchView:
        """Plan and begin a launch, or return the one this request asked for before.

        The plan is made before anything is written, so a builder that is away refuses the request and leaves nothing.

        Raises
        ------
        PathOutsideError, UrlPathOutsideError, OpeningAmbiguousError
            What it is to open is not in the server, or is named twice.
        ServerNameInvalidError, IdempotencyKeyInvalidError, IdempotencyKeyReusedError
            The request is wrong.
        PeerRefusedError, PeerUnavailableError
            The builder cannot plan it.
        AdmissionRefusedError
            Policy does not allow the server that was named.
        """
        request = _check(request, key)
        if key is not None:
            known = await self._find_by_key(request, key, by)
            if known is not None:
                return known
        launch_id = uuid4()
        plan, user = await self._prepare(request, launch_id, by)
        requested = kinds.LaunchRequested(
            launch_id=launch_id,
            user=by.name,
            groups=list(by.groups),
            temporary=temporary,
            idempotency_key=key,
            **request.model_dump(include=_REQUEST_FIELDS),
        )
        return await self._begin(requested, plan, user)

    async def read(self, launch_id: UUID, *, by: Principal) -> LaunchView:
        """Read a launch of the caller; others' do not exist.

        Raises
        ------
        NotFoundError
            No launch of the caller's.
        """
        async with self._store.database.statements() as connection:
            view = await self._launches.read(connection, launch_id)
        if view is None or (view.user != by.name and not by.admin):
            raise NotFoundError(what="launch", key=str(launch_id))
        return view

    async def read_request(self, launch_id: UUID) -> LaunchRequest:
        """Read what a launch was asked with, so that it can be asked again."""
        async with self._store.database.statements() as connection:
            first = (await self._store.read_stream(connection, launch_stream(launch_id), most=1))[0].data
        return LaunchRequest(**first.model_dump(include=_REQUEST_FIELDS))

    async def list_of_user(self, user: str, *, under_way: bool) -> list[LaunchView]:
        """List a user's launches, newest first."""
        async with self._store.database.statements() as connection:
            return await self._launches.list_of_user(connection, user=user, under_way=under_way)

    async def cancel(self, launch_id: UUID, *, by: Principal) -> LaunchView:
        """Cancel a launch; one that is cancelled already stays so.

        Raises
        ------
        NotFoundError
            No launch of the caller's.
        LaunchFinishedError
            It has ended otherwise.
        """
        await self.read(launch_id, by=by)
        while True:
            try:
                await self._cancel(launch_id, by)
            except StreamConflictError:
                continue  # the launch took a step at the same time
            self._wakeups.announce(f"cancel:launch-{launch_id}", f"stream:launch-{launch_id}")
            return await self.read(launch_id, by=by)

    async def _cancel(self, launch_id: UUID, by: Principal) -> None:
        stream = launch_stream(launch_id)
        async with self._store.database.transaction() as connection:
            launch = build_launch(await self._store.read_stream(connection, stream))
            if launch.state.value == "cancelled":
                return
            if launch.final:
                raise LaunchFinishedError(state=launch.state.value)
            cancelled = kinds.LaunchCancelled(launch_id=launch_id, cancelled_by=by.name)
            event = NewEvent(data=cancelled, actor=by.name, correlation_id=launch_id)
            await self._store.append(connection, stream, [event], expected=launch.version)

    async def _prepare(self, request: LaunchRequest, launch_id: UUID, by: Principal) -> tuple[PlanView, HubUser | None]:
        """Find out what is to be built, and whether the server that is named may be, before anything begins."""
        phase = "plan"
        try:
            plan, user = await asyncio.gather(self._read_plan(request, launch_id, by), self._read_user(by.name))
            phase = "admit"
            if request.server_name is not None and user is not None:
                await self._preadmission.check(request.server_name, repository=plan.repo, user=user, by=by)
        except HeliostatError as error:
            self._metrics.launches.labels(phase, classify(error), "none").inc()
            raise
        return plan, user

    async def _read_plan(self, request: LaunchRequest, launch_id: UUID, by: Principal) -> PlanView:
        asked = BuildRequest(**request.model_dump(include={"repo", "ref", "provider", "spec"}))
        return await self._plans.read(asked, user=by.name, correlation_id=launch_id)

    async def _read_user(self, name: str) -> HubUser | None:
        """Read the user's servers ahead; the saga reads them itself where this does not work."""
        try:
            return await self._hub.read_user(name)
        except (HubUnavailableError, HubRefusedError):
            return None

    async def _find_by_key(self, request: LaunchRequest, key: str, by: Principal) -> LaunchView | None:
        async with self._store.database.statements() as connection:
            return await self._read_known(connection, request, user=by.name, key=key)

    async def _read_known(
        self, connection: AsyncConnection, request: LaunchRequest, *, user: str, key: str
    ) -> LaunchView | None:
        launch_id = await self._launches.find_by_key(connection, user=user, key=key)
        if launch_id is None:
            return None
        first = (await self._store.read_stream(connection, launch_stream(launch_id), most=1))[0].data
        if first.model_dump(include=_REQUEST_FIELDS) != request.model_dump(include=_REQUEST_FIELDS):
            raise IdempotencyKeyReusedError(launch_id=launch_id)
        return await self._launches.read(connection, launch_id)

    async def _begin(self, requested: kinds.LaunchRequested, plan: PlanView, user: HubUser | None) -> LaunchView:
        """Record the launch and the work it is, unless one for the same is under way, and start the work."""
        async with self._store.database.transaction() as connection:
            await self._launches.lock_user(connection, requested.user)
            known = await self._find_same(connection, requested, plan)
            if known is not None:
                return known
            launch = await self._append(connection, requested, plan)
            lease = await self._queue.add_held(connection, kind=WORK, key=str(launch.id))
            view = await self._launches.read(connection, launch.id)
        if lease is not None:
            self._runner.start(lease, lambda: self._saga.run(launch.id, launch, user))
        assert view is not None  # noqa: S101 it was written in this transaction
        return view

    async def _find_same(
        self, connection: AsyncConnection, requested: kinds.LaunchRequested, plan: PlanView
    ) -> LaunchView | None:
        if requested.idempotency_key is not None:
            request = LaunchRequest(**requested.model_dump(include=_REQUEST_FIELDS))
            known = await self._read_known(connection, request, user=requested.user, key=requested.idempotency_key)
            if known is not None:
                return known
        launch_id = await self._launches.find_under_way(
            connection,
            user=requested.user,
            repo=plan.repo,
            commit=plan.commit,
            server_name=requested.server_name,
            new=requested.new,
        )
        return None if launch_id is None else await self._launches.read(connection, launch_id)

    async def _append(self, connection: AsyncConnection, requested: kinds.LaunchRequested, plan: PlanView) -> Launch:
        launch_id = requested.launch_id
        events: list[Event] = [requested, kinds.LaunchPlanned(launch_id=launch_id, plan=plan)]
        if plan.decision is PlanDecision.HIT:
            built = kinds.LaunchBuilt(
                launch_id=launch_id,
                build_id=None,
                environment_id=plan.environment_id,
                content_id=plan.content_id,
                image=plan.image,
            )
            events.append(built)
        actors = [requested.user, *(ACTOR for _ in events[1:])]
        new = [
            NewEvent(data=event, actor=actor, correlation_id=launch_id)
            for event, actor in zip(events, actors, strict=True)
        ]
        return build_launch(await self._store.append(connection, launch_stream(launch_id), new, expected=0))


def _check(request: LaunchRequest, key: str | None) -> LaunchRequest:
    """Refuse what can be seen to be wrong, and bring the rest into one form."""
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        raise IdempotencyKeyInvalidError
    path = request.path.removesuffix("/") if request.path else None
    opening = build_opening(path=path, urlpath=request.urlpath)
    name = request.server_name or None
    if name is not None and not is_server_name(name):
        raise ServerNameInvalidError(name=name)
    urlpath = opening if request.urlpath else None
    changes = {"path": path or None, "urlpath": urlpath, "server_name": name, "ref": request.ref or "HEAD"}
    return request.model_copy(update=changes)
