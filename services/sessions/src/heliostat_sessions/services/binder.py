"""BinderHub's event stream over our launches: asks for one, or comes back to one, and tells it in BinderHub's words."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import structlog
from heliostat_core.auth import Principal
from heliostat_core.clients import BuilderClient, PeerRefusedError
from heliostat_core.contracts.builds import BuildRequest, BuildState, PlanDecision
from heliostat_core.contracts.launches import LaunchEvent, LaunchRequest
from heliostat_core.errors import HeliostatError, UnavailableError
from heliostat_core.feed import Feeds, Frame
from heliostat_core.sse import FeedResponse
from prometheus_client import Gauge

from ..domain.binder_links import rescue_default_branch
from ..domain.binder_messages import (
    BinderAsk,
    Message,
    Told,
    build_failure,
    build_image_ready,
    build_log_message,
    build_request_failure,
    build_rescue,
    build_waiting_for_build,
    translate,
)
from ..domain.binder_places import BEGUN, ENDED, Place, Places
from ..errors import InternalError
from .build_feed import BuildFeedService
from .launch_feed import LaunchFeedService, WatchedFeedResponse
from .launches import LaunchService
from .planning import PlanService
from .temporary_users import TemporaryUserService

_PAUSE = timedelta(seconds=1)
_FIRST, _WAITING, _DONE = (0, 0, 0), (0, 0, 1), (1, 0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """A message and where a reader who has it goes on: a place, or one of the ids for what has none."""

    message: Message
    place: Place | str = BEGUN


class BinderService:
    """Answers BinderHub's clients.

    Parameters
    ----------
    watchers
        Counts open streams.
    linger
        How long a stream stays open after its last message, so that clients close first.
    patience
        How long a stream goes on without a database.
    """

    def __init__(
        self,
        *,
        launches: LaunchService,
        feed: LaunchFeedService,
        builds: BuildFeedService,
        builder: BuilderClient,
        plans: PlanService,
        temporary_users: TemporaryUserService,
        feeds: Feeds,
        watchers: Gauge,
        places: Places,
        linger: timedelta,
        patience: timedelta,
    ) -> None:
        self._launches = launches
        self._feed = feed
        self._builds = builds
        self._builder = builder
        self._plans = plans
        self._temporary_users = temporary_users
        self._feeds = feeds
        self._watchers = watchers
        self._places = places
        self._linger = linger
        self._patience = patience
        self._log = structlog.get_logger()

    def stream(self, ask: BinderAsk, *, by: Principal, build_only: bool, after: Place | None) -> FeedResponse:
        """Answer with the stream of a launch (or of a build only): of a new one, or after a place of an old one."""
        if after is not None:
            entries = self._return_to(after, ask, by)
        elif build_only:
            entries = self._build(ask, by)
        else:
            entries = self._launch(ask, by)
        return WatchedFeedResponse(
            watchers=self._watchers,
            feeds=self._feeds,
            name=f"binder-{uuid4()}",
            produce=lambda: self._produce(entries, reader=by.name),
            after=None,
        )

    async def _produce(self, entries: AsyncGenerator[Entry], *, reader: str) -> AsyncGenerator[list[Frame]]:
        """Write messages as frames, whatever happens to them, and hold the stream open after the last.

        A launch goes on when its stream cannot, and then the failure has the id from which a reader comes back to it.
        """
        place: Place | str = ENDED
        try:
            async with aclosing(entries):
                async for entry in entries:
                    place = entry.place if isinstance(entry.place, Place) else place
                    yield [self._build_frame(entry, reader)]
        except HeliostatError as error:
            back = place if isinstance(error, UnavailableError) else ENDED
            yield [self._build_frame(Entry(build_request_failure(error), back), reader)]
        except Exception as error:  # noqa: BLE001 the edge of the process: these clients know no other status than 200
            self._log.error("binder stream failed", error=repr(error), exc_info=error)
            yield [self._build_frame(Entry(build_failure(InternalError(), status=500), place), reader)]
        await asyncio.sleep(self._linger.total_seconds())

    def _build_frame(self, entry: Entry, reader: str) -> Frame:
        place = entry.place
        event_id = self._places.write(place, reader=reader) if isinstance(place, Place) else place
        return Frame(id=(0,), data=_encode(event_id, entry.message))

    def _return_to(self, place: Place, ask: BinderAsk, by: Principal) -> AsyncGenerator[Entry]:
        if place.kind == "launch":
            return self._follow_launch(place.id, ask, by, after=place.position)
        return self._follow_build(place.id, after=place.position)

    async def _launch(self, ask: BinderAsk, by: Principal) -> AsyncGenerator[Entry]:
        try:
            launch_id = await self._request(ask, by)
        except PeerRefusedError as error:
            link = rescue_default_branch(ask.link, code=error.code)
            if link is None:
                raise
            yield Entry(build_rescue(ask.link))
            ask = replace(ask, link=link)
            launch_id = await self._request(ask, by)
        async with aclosing(self._follow_launch(launch_id, ask, by, after=_FIRST)) as entries:
            async for entry in entries:
                yield entry

    async def _request(self, ask: BinderAsk, by: Principal) -> UUID:
        request = LaunchRequest(repo=ask.link.spec, provider=ask.link.provider, spec=True)
        if by.name:
            return (await self._launches.request(request, key=None, by=by)).id
        await self._plans.read(_build_request(ask), user="")  # nobody is made for what cannot be launched
        user = await self._temporary_users.create()
        view = await self._launches.request(request, key=None, by=user, temporary=True)
        await self._temporary_users.assign(user.name, view.id)
        return view.id

    async def _follow_launch(
        self, launch_id: UUID, ask: BinderAsk, by: Principal, *, after: tuple[int, int, int]
    ) -> AsyncGenerator[Entry]:
        told = Told()
        async with aclosing(self._watch_patiently(launch_id)) as events:
            async for event in events:
                token = await self._create_token(launch_id, by) if event.step == "ready" else ""
                messages, told = translate(event, told, ask, token=token)
                for part, message in enumerate(messages, start=1):
                    position = (*_read_position(event), part)
                    if position > after:
                        place = Place("launch", launch_id, position, final=event.final)
                        yield Entry(message | {"launch_id": str(launch_id)}, place)

    async def _create_token(self, launch_id: UUID, by: Principal) -> str:
        """Make what opens the server of somebody without a sign-in; for others, what only looks like BinderHub's."""
        if by.name:
            return base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        lost = None
        while True:
            try:
                return await self._temporary_users.create_token(launch_id)
            except UnavailableError as error:
                lost = await self._wait_out(error, lost)

    async def _watch_patiently(self, launch_id: UUID) -> AsyncGenerator[LaunchEvent]:
        """Watch a launch across outages of the database: to these clients an ended stream is a failed launch."""
        seen, lost = (0, 0), None
        while True:
            try:
                async with aclosing(self._feed.watch(launch_id)) as groups:
                    async for group in groups:
                        lost = None
                        for event in group:
                            if _read_position(event) > seen:
                                seen = _read_position(event)
                                yield event
            except UnavailableError as error:
                lost = await self._wait_out(error, lost)
            else:
                return

    async def _wait_out(self, error: UnavailableError, since: datetime | None) -> datetime:
        """Wait a moment of an outage and return when it began; raise its error when it takes too long."""
        since = since or datetime.now(UTC)
        if datetime.now(UTC) - since > self._patience:
            raise error
        await asyncio.sleep(_PAUSE.total_seconds())
        return since

    async def _build(self, ask: BinderAsk, by: Principal) -> AsyncGenerator[Entry]:
        plan = await self._plans.read(_build_request(ask), user=by.name)
        if plan.decision is PlanDecision.HIT:
            yield Entry(build_image_ready(plan, found=True), ENDED)
            return
        pinned = BuildRequest(repo=plan.repo, ref=plan.commit, provider=plan.provider)
        build = await self._builder.ensure_build(pinned, user=by.name, groups=by.groups)
        if build.state is BuildState.SUCCEEDED:
            yield Entry(build_image_ready(plan, found=True), ENDED)
            return
        async with aclosing(self._follow_build(build.id, after=_FIRST)) as entries:
            async for entry in entries:
                yield entry

    async def _follow_build(self, build_id: UUID, *, after: tuple[int, int, int]) -> AsyncGenerator[Entry]:
        plan = await self._builds.read_plan(build_id)
        if after < _WAITING:
            yield self._build_entry(build_id, build_waiting_for_build(), _WAITING)
        async with aclosing(self._builds.watch(build_id)) as groups:
            async for group in groups:
                for line in group:
                    if (position := (0, line.number, 1)) > after:
                        yield self._build_entry(build_id, build_log_message(line), position)
        yield self._build_entry(build_id, build_image_ready(plan, found=False), _DONE, final=True)

    def _build_entry(
        self, build_id: UUID, message: Message, position: tuple[int, int, int], *, final: bool = False
    ) -> Entry:
        return Entry(message | {"build_id": str(build_id)}, Place("build", build_id, position, final=final))


def build_refusal_frame(message: Message) -> bytes:
    """Write a failure of which no launch came."""
    return _encode(ENDED, message)


def _encode(event_id: str, message: Message) -> bytes:
    return f"id: {event_id}\ndata: {json.dumps(message)}\n\n".encode()


def _build_request(ask: BinderAsk) -> BuildRequest:
    return BuildRequest(repo=ask.link.spec, provider=ask.link.provider, spec=True)


def _read_position(event: LaunchEvent) -> tuple[int, int]:
    version, line = event.id.split(".")
    return int(version), int(line)
