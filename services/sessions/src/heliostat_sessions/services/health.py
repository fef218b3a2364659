"""Whether what launches need is there, in the form BinderHub's monitors read."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from heliostat_core.clients import BuilderClient, PolicyClient
from heliostat_core.database import Database
from heliostat_core.errors import HeliostatError

from ..metrics import SessionsMetrics
from ..storage.health import HealthStorage
from ..storage.hub import HubClient

_DEADLINE = timedelta(seconds=5)
_FRESH = timedelta(seconds=15)
"""Anybody may ask, so what was found is kept this long."""


@dataclass(frozen=True, slots=True)
class Health:
    """The checks as BinderHub's ``/health`` lists them."""

    checks: list[dict[str, Any]]

    @property
    def ok(self) -> bool:
        """Whether nothing fails that matters."""
        return all(check["ok"] or check.get("_ignore_failure", False) for check in self.checks)


class HealthService:
    """Checks the hub, the builder and policy, and counts what runs."""

    def __init__(
        self,
        *,
        database: Database,
        storage: HealthStorage,
        hub: HubClient,
        builder: BuilderClient,
        policy: PolicyClient,
        metrics: SessionsMetrics,
    ) -> None:
        self._database = database
        self._storage = storage
        self._hub = hub
        self._builder = builder
        self._policy = policy
        self._metrics = metrics
        self._checking = asyncio.Lock()
        self._known: tuple[float, Health] | None = None

    async def check(self) -> Health:
        """Check everything at once, unless that was done a moment ago."""
        async with self._checking:
            if self._known is None or self._known[0] < monotonic():
                health = Health(checks=await self._check())
                self._known = (monotonic() + _FRESH.total_seconds(), health)
            return self._known[1]

    async def _check(self) -> list[dict[str, Any]]:
        answers = await asyncio.gather(
            _succeeds(self._hub.ping()),
            _succeeds(self._builder.request("GET", "healthz")),
            _succeeds(self._policy.request("GET", "healthz")),
            self._count(),
        )
        for peer, ok in zip(("hub", "builder", "policy"), answers[:3], strict=True):
            self._metrics.peers.labels(peer).set(ok)
        names = ("JupyterHub API", "Builder", "Policy")
        checks: list[dict[str, Any]] = [
            {"service": name, "ok": ok} for name, ok in zip(names, answers[:3], strict=True)
        ]
        return [*checks, answers[3]]

    async def _count(self) -> dict[str, Any]:
        """Count builds and servers; BinderHub calls both pods, and where there is no limit the quota is null."""
        check = {"service": "Pod quota", "quota": None, "_ignore_failure": True}
        try:
            async with asyncio.timeout(_DEADLINE.total_seconds()), self._database.statements() as connection:
                builds, servers = await self._storage.count_running(connection)
        except (HeliostatError, TimeoutError):
            return check | {"ok": False}
        return check | {"total_pods": builds + servers, "build_pods": builds, "user_pods": servers, "ok": True}


async def _succeeds(request: Awaitable[object]) -> bool:
    try:
        async with asyncio.timeout(_DEADLINE.total_seconds()):
            await request
    except (HeliostatError, TimeoutError):
        return False
    return True
