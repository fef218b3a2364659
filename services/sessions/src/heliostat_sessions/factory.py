"""Putting the service together: what a process holds, and the services made from it."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from heliostat_core.auth import Authenticator
from heliostat_core.clients import BuilderClient, PolicyClient, create_hub_http_client, create_peer_http_client
from heliostat_core.database import Database
from heliostat_core.eventstore import EventStore, GroupedAppends, Projection
from heliostat_core.feed import Feeds
from heliostat_core.schema.version import ensure_current
from heliostat_core.supervisor import Supervisor
from heliostat_core.wakeups import Wakeups
from heliostat_core.work import WorkQueue
from prometheus_client import CollectorRegistry

from .config import BASE_PATH, SERVICE_NAME, SessionsConfig
from .domain.binder_places import Places
from .domain.build_tokens import BuildTokens
from .domain.cookies import Cookies
from .domain.views import SessionViews
from .metrics import SessionsMetrics
from .services import deletion, launches
from .services.activity import ActivityService
from .services.administration import AdministrationService
from .services.binder import BinderService
from .services.build_feed import BuildFeedService
from .services.census import CensusService
from .services.deletion import DeletionService
from .services.health import HealthService
from .services.idle import IdleService
from .services.launch_feed import LaunchFeedService
from .services.launch_journal import LaunchJournal
from .services.launches import LaunchService
from .services.ledger import SessionLedger
from .services.log_tails import LogTails
from .services.log_texts import LogTextService
from .services.login import LoginService
from .services.lone import LoneJob
from .services.planning import PlanService
from .services.preadmission import Preadmission
from .services.rate_limits import RateLimiter
from .services.reconcile import Reconciler
from .services.runner import WorkRunner
from .services.saga import LaunchSaga
from .services.sessions import SessionService
from .services.sharing import SharingService
from .services.spawning import SpawnService
from .services.temporary_users import TemporaryUserService
from .services.timeline import TimelineService
from .services.volumes import VolumeService
from .storage.census import CensusStorage
from .storage.health import HealthStorage
from .storage.host import Host, LocalHost
from .storage.hub import HubClient
from .storage.hub_host import HubHost
from .storage.hub_oauth import HubOAuthClient
from .storage.hub_shares import HubShareClient
from .storage.launches import LaunchProjection, LaunchStorage
from .storage.log_lines import LogLineStorage
from .storage.rate_limits import RateLimitStorage
from .storage.sessions import SessionProjection, SessionStorage
from .storage.temporary_users import TemporaryUserStorage
from .storage.timeline import TimelineStorage


@dataclass(frozen=True, slots=True)
class Connections:
    """What a process has open."""

    database: Database
    store: EventStore
    appends: GroupedAppends
    wakeups: Wakeups
    hub: HubClient
    hub_http: httpx.AsyncClient
    builder: BuilderClient
    policy: PolicyClient
    feeds: Feeds
    tails: LogTails
    host: Host


class Factory:
    """Makes the services of one process."""

    def __init__(self, *, config: SessionsConfig, open_: Connections, registry: CollectorRegistry) -> None:
        database, wakeups, hub, host = open_.database, open_.wakeups, open_.hub, open_.host
        base = f"{config.public}{BASE_PATH}"
        api = f"{base}api/v1/"
        self.metrics = SessionsMetrics(registry)
        self.cookies = Cookies(secret=config.cookie_secret.get_secret_value())
        self.authenticator = Authenticator(hub=open_.hub_http, service=SERVICE_NAME, callers=config.callers)
        self.login = _build_login(config, open_, self.authenticator, self.cookies)
        self.build_tokens = BuildTokens(secret=config.build_token_secret)
        self.places = Places(secret=config.cookie_secret.get_secret_value())
        self.rate_limits = RateLimiter(database=database, storage=RateLimitStorage(), period=config.rate_period)
        self.store = open_.store
        self.launch_storage = LaunchStorage(base=base, public=config.public)
        session_storage = SessionStorage()
        ledger = SessionLedger(store=self.store, appends=open_.appends)
        owner = f"{socket.gethostname()}-{uuid4().hex[:8]}"
        self.queue = WorkQueue(database=database, owner=owner, duration=config.lease_duration)
        spawns = SpawnService(hub=hub, key=config.grant_key, origins=config.origins)
        volumes = VolumeService(ledger=ledger, sessions=session_storage, host=host, metrics=self.metrics)
        self.reconciler = Reconciler(
            ledger=ledger,
            sessions=session_storage,
            launches=self.launch_storage,
            hub=hub,
            host=host,
            volumes=volumes,
            metrics=self.metrics,
            patience=config.report_patience,
        )
        self.saga = LaunchSaga(
            store=self.store,
            launches=self.launch_storage,
            sessions=session_storage,
            builder=open_.builder,
            policy=open_.policy,
            hub=hub,
            spawns=spawns,
            reconciler=self.reconciler,
            journal=LaunchJournal(store=self.store, appends=open_.appends, wakeups=wakeups, metrics=self.metrics),
            wakeups=wakeups,
            metrics=self.metrics,
            public=config.public,
            api=api,
            deadline=config.launch_deadline,
            patience=config.outage_patience,
            host=host,
        )
        self.deletion = DeletionService(
            ledger=ledger,
            sessions=session_storage,
            hub=hub,
            volumes=volumes,
            reconciler=self.reconciler,
            metrics=self.metrics,
        )
        self.runner = WorkRunner(
            database=database,
            queue=self.queue,
            workers={launches.WORK: self.saga.resume, deletion.WORK: self.deletion.finish},
        )
        self.plans = PlanService(builder=open_.builder)
        self.log_texts = LogTextService(database=database, lines=LogLineStorage())
        self.launches = LaunchService(
            store=self.store,
            launches=self.launch_storage,
            plans=self.plans,
            hub=hub,
            queue=self.queue,
            runner=self.runner,
            saga=self.saga,
            preadmission=Preadmission(
                database=database,
                sessions=session_storage,
                policy=open_.policy,
                api=api,
                host=host,
            ),
            metrics=self.metrics,
            wakeups=wakeups,
        )
        self.launch_feeds = LaunchFeedService(
            store=self.store, wakeups=wakeups, feeds=open_.feeds, tails=open_.tails, watchers=self.metrics.watchers
        )
        views = SessionViews(public=config.public, base=base, api=api)
        self.census = CensusService(
            database=database,
            storage=CensusStorage(),
            metrics=self.metrics.census,
            freshness=config.report_freshness,
        )
        self.health = HealthService(
            database=database,
            storage=HealthStorage(),
            hub=hub,
            builder=open_.builder,
            policy=open_.policy,
            metrics=self.metrics,
        )
        self.sessions = SessionService(
            ledger=ledger,
            sessions=session_storage,
            policy=open_.policy,
            hub=hub,
            spawns=spawns,
            reconciler=self.reconciler,
            queue=self.queue,
            runner=self.runner,
            views=views,
            metrics=self.metrics,
            host=host,
        )
        self.temporary_users = TemporaryUserService(
            database=database,
            storage=TemporaryUserStorage(),
            hub=hub,
            launches=self.launch_storage,
            session_storage=session_storage,
            sessions=self.sessions,
            limit=config.temporary_users,
        )
        self.binder = BinderService(
            launches=self.launches,
            feed=self.launch_feeds,
            builds=BuildFeedService(
                database=database, launches=self.launch_storage, tails=open_.tails, wakeups=wakeups
            ),
            builder=open_.builder,
            plans=self.plans,
            temporary_users=self.temporary_users,
            feeds=open_.feeds,
            places=self.places,
            watchers=self.metrics.watchers,
            linger=config.linger,
            patience=config.outage_patience,
        )
        self.administration = AdministrationService(
            database=database,
            sessions=session_storage,
            lines=LogLineStorage(),
            views=views,
            builder=open_.builder,
            policy=open_.policy,
        )
        self.timeline = TimelineService(store=self.store, timeline=TimelineStorage(), base=base, public=config.public)
        self.sharing = SharingService(
            ledger=ledger,
            sessions=session_storage,
            policy=open_.policy,
            shares=HubShareClient(client=open_.hub_http),
            reconciler=self.reconciler,
            public=config.public,
            api=api,
        )
        self.activity = ActivityService(ledger=ledger, sessions=session_storage, reconciler=self.reconciler)
        self.idle = IdleService(
            ledger=ledger,
            sessions=session_storage,
            policy=open_.policy,
            hub=hub,
            reconciler=self.reconciler,
            metrics=self.metrics,
            freshness=config.report_freshness,
        )
        self.reconcile = LoneJob(
            database=database,
            queue=self.queue,
            name="reconcile",
            interval=config.reconcile_interval,
            work=self.reconciler.reconcile,
        )
        self.sweep = LoneJob(
            database=database,
            queue=self.queue,
            name="idle-sweep",
            interval=config.idle_sweep_interval,
            work=self.idle.sweep,
        )
        self.measure = LoneJob(
            database=database,
            queue=self.queue,
            name="measure-storage",
            interval=config.measure_interval,
            work=volumes.measure,
        )
        self.temporary = LoneJob(
            database=database,
            queue=self.queue,
            name="temporary-users",
            interval=config.reconcile_interval,
            work=self.temporary_users.reconcile,
        )


def _build_login(
    config: SessionsConfig, open_: Connections, authenticator: Authenticator, cookies: Cookies
) -> LoginService:
    prefix = urlsplit(config.public).path
    oauth = HubOAuthClient(
        client=open_.hub_http,
        client_id=f"service-{SERVICE_NAME}",
        secret=config.hub_api_token,
        hub_path=f"{prefix}/hub",
        redirect_path=f"{prefix}{BASE_PATH}oauth_callback",
    )
    return LoginService(oauth=oauth, authenticator=authenticator, cookies=cookies)


def build_projections() -> list[Projection]:
    """List the read models of this service."""
    return [LaunchProjection(), SessionProjection()]


def build_store(database: Database) -> EventStore:
    """Make the log with this service's read models."""
    return EventStore(database=database, projections=build_projections())


@dataclass(frozen=True, slots=True)
class ProcessContext:
    """Everything one process holds while it runs."""

    config: SessionsConfig
    database: Database
    wakeups: Wakeups
    supervisor: Supervisor
    factory: Factory

    @classmethod
    @asynccontextmanager
    async def open(cls, config: SessionsConfig, *, registry: CollectorRegistry) -> AsyncIterator[Self]:
        """Open pools and clients, and close them in reverse order.

        Raises
        ------
        SchemaOutdatedError
            The database is not at the newest migration.
        """
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(
                Database.open(config.database_url, application="sessions", registry=registry)
            )
            await ensure_current(database)
            open_ = await _open_connections(config, database, stack)
            factory = Factory(config=config, open_=open_, registry=registry)
            await stack.enter_async_context(factory.runner)
            yield cls(
                config=config,
                database=database,
                wakeups=open_.wakeups,
                supervisor=Supervisor(registry=registry),
                factory=factory,
            )

    async def list_missing(self) -> list[str]:
        """Name what keeps this process from its work."""
        await self.database.ping()
        return self.supervisor.stale()


async def _open_connections(config: SessionsConfig, database: Database, stack: AsyncExitStack) -> Connections:
    wakeups = Wakeups(database=database)
    hub_http = await stack.enter_async_context(create_hub_http_client(base_url=config.hub_api))
    builder_http = await stack.enter_async_context(
        create_peer_http_client(base_url=config.builder_base, token=config.builder_token)
    )
    policy_http = await stack.enter_async_context(
        create_peer_http_client(base_url=config.policy_base, token=config.policy_token)
    )
    store = build_store(database)
    return Connections(
        database=database,
        store=store,
        appends=await stack.enter_async_context(GroupedAppends(store=store)),
        wakeups=wakeups,
        hub=await stack.enter_async_context(HubClient.open(api=config.hub_api, token=config.hub_api_token)),
        hub_http=hub_http,
        builder=BuilderClient(service="builder", client=builder_http),
        policy=PolicyClient(service="policy", client=policy_http),
        feeds=await stack.enter_async_context(Feeds()),
        tails=await stack.enter_async_context(LogTails(database=database, storage=LogLineStorage(), wakeups=wakeups)),
        host=await _open_host(config, hub_http),
    )


async def _open_host(config: SessionsConfig, hub_http: httpx.AsyncClient) -> Host:
    if config.runtime == "docker" or config.state_directory is None:
        return HubHost(client=hub_http, token=config.hub_api_token)
    return await LocalHost.open(config.state_directory)
