"""The policy in force: where it comes from, how it changes, how every replica learns of it."""

import asyncio
from datetime import timedelta

import structlog
from heliostat_core.contracts.policy import (
    PolicyChange,
    PolicyChangeView,
    PolicyDocument,
    PolicyVersionsView,
    PolicyVersionView,
)
from heliostat_core.database import Database
from heliostat_core.eventstore import StreamConflictError
from heliostat_core.wakeups import Wakeups

from ..domain.document import read_policy
from ..domain.effective import PolicyInForce
from ..domain.effects import build_effects
from ..domain.records import StoredPolicy
from ..errors import InvalidPolicyError, PolicyVersionConflictError
from ..metrics import PolicyMetrics
from ..storage.policies import PolicyStorage
from ..storage.usage import UsageStorage

TOPIC = "policy"
"""What replicas tell one another after a change."""

_POLL = timedelta(seconds=1)
_ATTEMPTS = 5
"""How often a change without an expected version is tried again when others change the policy at the same time."""


class PolicyService:
    """Keeps the policy in force in memory and changes it.

    Parameters
    ----------
    database, policies, usage
        Where versions and usage are.
    wakeups
        How replicas are told.
    metrics
        Where the version in force shows.
    initial
        What the database has as newest policy, read before anything is served.
    """

    def __init__(
        self,
        *,
        database: Database,
        policies: PolicyStorage,
        usage: UsageStorage,
        wakeups: Wakeups,
        metrics: PolicyMetrics,
        initial: PolicyInForce,
    ) -> None:
        self._database = database
        self._policies = policies
        self._usage = usage
        self._wakeups = wakeups
        self._metrics = metrics
        self._log = structlog.get_logger()
        self._unreadable = 0
        self.in_force = initial
        metrics.version.set(initial.version)

    async def refresh(self) -> None:
        """Put the newest version in force; one that cannot be read leaves the old one in force."""
        async with self._database.statements() as connection:
            newest = await self._policies.read_newest_version(connection)
            if newest <= max(self.in_force.version, self._unreadable):
                return
            (stored,) = await self._policies.list_newest(connection, most=1)
        try:
            self._adopt(await load_policy(stored))
        except InvalidPolicyError as error:
            self._unreadable = stored.version
            self._metrics.reload_failures.inc()
            self._log.error("policy cannot be read", version=stored.version, error=error.message)

    async def wait(self) -> None:
        """Return when another replica changed the policy, or after a second."""
        await self._wakeups.wait(TOPIC, at_most=_POLL)

    async def change(self, change: PolicyChange, *, by: str) -> PolicyChangeView:
        """Check a new policy and, unless it is a dry run, put it in force.

        Raises
        ------
        InvalidPolicyError
            It is not a policy.
        PolicyVersionConflictError
            ``expected_version`` is not in force any more.
        """
        document = await asyncio.to_thread(read_policy, change.source)
        for attempt in range(_ATTEMPTS):
            await self.refresh()
            try:
                return await self._change(change, document, by=by)
            except StreamConflictError:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    async def _change(self, change: PolicyChange, document: PolicyDocument, *, by: str) -> PolicyChangeView:
        async with self._database.transaction() as connection:
            newest = await self._policies.read_newest_version(connection)
            if change.expected_version not in {None, newest}:
                raise PolicyVersionConflictError(expected=change.expected_version or 0, in_force=newest)
            before = self.in_force
            same = change.source == before.source and newest == before.version
            version = newest if same else newest + 1
            policy = PolicyInForce(version=version, source=change.source, document=document)
            effects = build_effects(before.document, policy, await self._usage.list_all(connection))
            changed = not (same or change.dry_run)
            if changed:
                await self._policies.append(
                    connection, source=change.source, comment=change.comment, by=by, expected=newest
                )
        if changed:
            self._adopt(policy)
            self._wakeups.announce(TOPIC)
            self._log.info("policy changed", version=version, by=by, excesses=len(effects.excesses))
        return PolicyChangeView(version=version, changed=changed, dry_run=change.dry_run, effects=effects)

    async def list_versions(self, *, before: int | None, most: int) -> PolicyVersionsView:
        """List versions, or those before one, newest first."""
        async with self._database.statements() as connection:
            stored = await self._policies.list_newest(connection, before=before, most=most)
        versions = [await _to_view(policy) for policy in stored]
        return PolicyVersionsView(in_force=self.in_force.version, versions=versions)

    def _adopt(self, policy: PolicyInForce) -> None:
        # A refresh that began before a change may end after it.
        if policy.version > self.in_force.version:
            self.in_force = policy
            self._metrics.version.set(policy.version)


async def load_policy(stored: StoredPolicy) -> PolicyInForce:
    """Read a stored version without holding up the event loop; raises InvalidPolicyError as `read_policy` does."""
    document = await asyncio.to_thread(read_policy, stored.source)
    return PolicyInForce(version=stored.version, source=stored.source, document=document)


async def ensure_first_policy(database: Database, policies: PolicyStorage, *, default: str) -> PolicyInForce:
    """Load the policy in force; where there is none yet, make the default one version 1.

    Raises
    ------
    InvalidPolicyError
        The default, or what is stored, cannot be read: there is no policy to decide by.
    """
    stored = await _read_newest(database, policies)
    if stored is None:
        await asyncio.to_thread(read_policy, default)
        try:
            async with database.transaction() as connection:
                comment = "the default policy of this installation"
                stored = await policies.append(connection, source=default, comment=comment, by="policy", expected=0)
        except StreamConflictError:  # another replica was first
            stored = await _read_newest(database, policies)
    assert stored is not None  # noqa: S101  # versions are never deleted
    return await load_policy(stored)


async def _read_newest(database: Database, policies: PolicyStorage) -> StoredPolicy | None:
    async with database.statements() as connection:
        return next(iter(await policies.list_newest(connection, most=1)), None)


async def _to_view(stored: StoredPolicy) -> PolicyVersionView:
    try:
        document = (await load_policy(stored)).document
    except InvalidPolicyError:
        document = None
    return PolicyVersionView(
        version=stored.version,
        changed_at=stored.changed_at,
        changed_by=stored.changed_by,
        comment=stored.comment,
        source=stored.source,
        document=document,
    )
