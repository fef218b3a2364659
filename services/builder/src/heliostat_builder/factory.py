"""Putting the builder together: what a process holds, and the services made from it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Self

import httpx
from heliostat_core.auth import Authenticator
from heliostat_core.clients import PolicyClient, create_hub_http_client, create_peer_http_client, load_tls_context
from heliostat_core.database import Database
from heliostat_core.eventstore import EventStore
from heliostat_core.feed import Feeds
from heliostat_core.schema.version import ensure_current
from heliostat_core.supervisor import Supervisor
from heliostat_core.wakeups import Wakeups
from heliostat_core.work import WorkQueue
from prometheus_client import CollectorRegistry

from .config import BuilderConfig
from .domain.loglines import Redactor
from .domain.retention import RetentionRules
from .metrics import BuilderMetrics
from .provider_factory import build_registry, make_forges, make_record_hosts
from .runtimes import Needs, open_runtime
from .services.builds import BuildService
from .services.census import CensusService
from .services.clock import utc_now
from .services.environments import EnvironmentService
from .services.logs import LogService
from .services.planning import PlanningService
from .services.resolution import ResolutionService
from .services.retention import RetentionService
from .services.runtime import Runtime
from .services.worker import Worker
from .storage.addresses import AddressGuard
from .storage.builds import BuildStorage
from .storage.caches import PlanStorage, ResolutionStorage
from .storage.census import CensusStorage
from .storage.git import GitClient
from .storage.guarded import create_guarded_client
from .storage.mirrors import MirrorStorage
from .storage.projections import BuildProjection, EnvironmentProjection
from .storage.records import RecordHost, RecordImporter, RecordLimits
from .storage.retention import RetentionStorage

SERVICE = "builder"
"""Name of this service in the hub."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What is opened once per process and shared by its services."""

    database: Database
    wakeups: Wakeups
    guard: AddressGuard
    forge_client: httpx.AsyncClient
    policy_client: httpx.AsyncClient
    git: GitClient
    records: Mapping[str, RecordHost]
    mirrors: MirrorStorage
    runtime: Runtime
    metrics: BuilderMetrics


class Factory:
    """Makes the services of one process."""

    def __init__(self, *, config: BuilderConfig, resources: Resources) -> None:
        self._config = config
        self._resources = resources
        self._metrics = resources.metrics
        self._storage = BuildStorage(store=build_store(resources.database))
        self._queue = WorkQueue(database=resources.database, owner=SERVICE, duration=config.lease_duration)
        self.metrics = self._metrics
        self.logs = LogService(database=resources.database, builds=self._storage, wakeups=resources.wakeups)
        self.providers = build_registry(config)
        self.planning = self._make_planning()
        self.builds = self._make_builds()
        self.environments = self._make_environments()
        self.census = CensusService(
            database=resources.database,
            storage=CensusStorage(directory=config.state_directory),
            metrics=self._metrics.census,
        )
        self.retention = self._make_retention()
        self.worker = self._make_worker()

    def _make_planning(self) -> PlanningService:
        config, resources = self._config, self._resources
        resolution = ResolutionService(
            database=resources.database,
            resolutions=ResolutionStorage(),
            forges={
                **make_forges(config, client=resources.forge_client, metrics=self._metrics),
                **{prefix: host.client for prefix, host in resources.records.items()},
            },
            git=resources.git,
            metrics=self._metrics,
            fresh_time=config.resolution_time,
            clock=utc_now,
        )
        return PlanningService(
            database=resources.database,
            providers=self.providers,
            resolution=resolution,
            mirrors=resources.mirrors,
            plans=PlanStorage(),
            retention=RetentionStorage(),
            runtime=resources.runtime,
            guard=resources.guard,
        )

    def _make_builds(self) -> BuildService:
        return BuildService(
            database=self._resources.database,
            builds=self._storage,
            planning=self.planning,
            policy=PolicyClient(service="policy", client=self._resources.policy_client),
            queue=self._queue,
            wakeups=self._resources.wakeups,
            metrics=self._metrics,
        )

    def _make_environments(self) -> EnvironmentService:
        return EnvironmentService(
            database=self._resources.database,
            builds=self._storage,
            runtime=self._resources.runtime,
            mirrors=self._resources.mirrors,
            mirror_space=self._config.mirror_space,
        )

    def _make_retention(self) -> RetentionService:
        config = self._config
        rules = RetentionRules(
            age=config.retention_age or None, space=config.retention_space or None, grace=config.build_deadline * 2
        )
        return RetentionService(
            database=self._resources.database,
            shelf=self._resources.runtime.shelf,
            storage=RetentionStorage(),
            builds=self._storage,
            environments=self.environments,
            queue=self._queue,
            metrics=self._metrics.retention,
            rules=rules,
        )

    def _make_worker(self) -> Worker:
        config, resources = self._config, self._resources
        return Worker(
            database=resources.database,
            builds=self._storage,
            planning=self.planning,
            environments=self.environments,
            runtime=resources.runtime,
            queue=self._queue,
            wakeups=resources.wakeups,
            redactor=Redactor(config.build_environment),
            metrics=self._metrics,
            deadline=config.build_deadline,
        )


@dataclass(frozen=True, slots=True)
class ProcessContext:
    """What one process holds open."""

    config: BuilderConfig
    database: Database
    wakeups: Wakeups
    feeds: Feeds
    authenticator: Authenticator
    supervisor: Supervisor
    factory: Factory

    @classmethod
    @asynccontextmanager
    async def open(cls, config: BuilderConfig, *, registry: CollectorRegistry) -> AsyncIterator[Self]:
        """Open everything; refuse to unless the schema is current."""
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(
                Database.open(config.database_url, application=SERVICE, registry=registry)
            )
            await ensure_current(database)
            await asyncio.to_thread(config.state_directory.mkdir, parents=True, exist_ok=True)
            hub = await stack.enter_async_context(create_hub_http_client(base_url=config.hub_api))
            guard = AddressGuard(allowed=config.allowed_private_networks)
            environment = config.build_environment
            proxy = environment.get("HTTPS_PROXY") or environment.get("https_proxy")
            policy = create_peer_http_client(base_url=str(config.policy_url), token=config.policy_token)
            record_client = await stack.enter_async_context(create_guarded_client(guard, proxy=proxy))
            metrics = BuilderMetrics(registry)
            git = _make_git(config, guard)
            records = make_record_hosts(config, client=record_client, metrics=metrics)
            mirrors = _make_mirrors(config, git, records)
            resources = Resources(
                database=database,
                wakeups=Wakeups(database=database),
                guard=guard,
                # Redirects are not followed: what moved is to be named by its new address.
                forge_client=await stack.enter_async_context(httpx.AsyncClient(verify=load_tls_context())),
                policy_client=await stack.enter_async_context(policy),
                git=git,
                records=records,
                mirrors=mirrors,
                runtime=await stack.enter_async_context(open_runtime(Needs(config, mirrors, metrics))),
                metrics=metrics,
            )
            feeds = await stack.enter_async_context(Feeds())
            factory = Factory(config=config, resources=resources)
            factory.metrics.watchers.set_function(lambda: feeds.readers)
            yield cls(
                config=config,
                database=database,
                wakeups=resources.wakeups,
                feeds=feeds,
                authenticator=Authenticator(hub=hub, service=SERVICE, callers=config.callers),
                supervisor=Supervisor(registry=registry),
                factory=factory,
            )

    async def list_missing(self) -> list[str]:
        """Name what keeps this process from its work."""
        await self.database.ping()
        return self.supervisor.stale()


def build_store(database: Database) -> EventStore:
    """Make the log with the read models of what this service appends."""
    return EventStore(database=database, projections=[BuildProjection(), EnvironmentProjection()])


def _make_git(config: BuilderConfig, guard: AddressGuard) -> GitClient:
    return GitClient(
        guard=guard,
        environment=config.build_environment,
        deadline=config.git_deadline,
        size_limit=config.fetch_size,
    )


def _make_mirrors(config: BuilderConfig, git: GitClient, records: Mapping[str, RecordHost]) -> MirrorStorage:
    limits = RecordLimits(size=config.fetch_size, files=config.record_files, deadline=config.record_deadline)
    return MirrorStorage(
        git=git,
        records=RecordImporter(hosts=records, limits=limits),
        root=config.state_directory / "repositories",
        lock_deadline=(config.git_deadline + config.record_deadline) * 2,
    )
