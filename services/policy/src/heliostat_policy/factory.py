"""Putting the service together: what a process holds, and the services made from it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Self

from heliostat_core.auth import Authenticator
from heliostat_core.clients import create_hub_http_client
from heliostat_core.database import Database
from heliostat_core.eventstore import EventStore
from heliostat_core.schema.version import ensure_current
from heliostat_core.supervisor import Supervisor
from heliostat_core.wakeups import Wakeups
from prometheus_client import CollectorRegistry

from .config import PolicyConfig
from .domain.effective import PolicyInForce
from .metrics import PolicyMetrics
from .services.admission import AdmissionService
from .services.clock import Clock
from .services.explanations import ExplanationService
from .services.idle import IdleService
from .services.policies import PolicyService, ensure_first_policy
from .services.usage import UsageService
from .storage.decisions import DecisionStorage
from .storage.policies import PolicyStorage
from .storage.projections import DecisionProjection, PolicyProjection
from .storage.reservations import ReservationStorage
from .storage.usage import UsageStorage

SERVICE = "policy"
"""Name of this service in the hub."""


class Factory:
    """Makes the services of one process, all on the same pool and the same policy in force."""

    def __init__(
        self,
        *,
        config: PolicyConfig,
        database: Database,
        wakeups: Wakeups,
        registry: CollectorRegistry,
        clock: Clock,
        initial: PolicyInForce,
    ) -> None:
        metrics = PolicyMetrics(registry)
        store = build_store(database)
        decisions, usage = DecisionStorage(store=store), UsageStorage()
        reservations = ReservationStorage(duration=config.reservation_duration)
        self.policies = PolicyService(
            database=database,
            policies=PolicyStorage(store=store),
            usage=usage,
            wakeups=wakeups,
            metrics=metrics,
            initial=initial,
        )
        self.usage = UsageService(
            database=database, store=store, usage=usage, reservations=reservations, metrics=metrics
        )
        self.admission = AdmissionService(
            database=database,
            policies=self.policies,
            usage=self.usage,
            reservations=reservations,
            decisions=decisions,
            metrics=metrics,
            clock=clock,
        )
        self.idle = IdleService(
            database=database, policies=self.policies, decisions=decisions, metrics=metrics, clock=clock
        )
        self.explanations = ExplanationService(
            database=database, policies=self.policies, decisions=decisions, usage=usage
        )


@dataclass(frozen=True, slots=True)
class ProcessContext:
    """What one process holds open."""

    database: Database
    wakeups: Wakeups
    authenticator: Authenticator
    supervisor: Supervisor
    factory: Factory

    @classmethod
    @asynccontextmanager
    async def open(cls, config: PolicyConfig, *, registry: CollectorRegistry, clock: Clock) -> AsyncIterator[Self]:
        """Open everything; refuse to unless the schema is current and there is a policy that can be read."""
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(
                Database.open(config.database_url, application=SERVICE, registry=registry)
            )
            await ensure_current(database)
            # Read before any request is served; a blocking read of a small file delays nobody.
            default = config.default_policy.read_text(encoding="utf-8")
            initial = await ensure_first_policy(database, PolicyStorage(store=build_store(database)), default=default)
            hub = await stack.enter_async_context(create_hub_http_client(base_url=config.hub_api))
            wakeups = Wakeups(database=database)
            yield cls(
                database=database,
                wakeups=wakeups,
                authenticator=Authenticator(hub=hub, service=SERVICE, callers=config.callers),
                supervisor=Supervisor(registry=registry),
                factory=Factory(
                    config=config,
                    database=database,
                    wakeups=wakeups,
                    registry=registry,
                    clock=clock,
                    initial=initial,
                ),
            )

    async def list_missing(self) -> list[str]:
        """Name what keeps this process from its work."""
        await self.database.ping()
        return self.supervisor.stale()


def build_store(database: Database) -> EventStore:
    """Make the log with the read models of what this service appends."""
    return EventStore(database=database, projections=[PolicyProjection(), DecisionProjection()])
