"""What administrators see and do. At the other services they do it with their own token, and this service with none."""

from dataclasses import dataclass
from uuid import UUID

from heliostat_core.clients import BuilderClient, PolicyClient
from heliostat_core.contracts.builds import BuildState, BuildView, EnvironmentView, LogLine
from heliostat_core.contracts.policy import (
    PolicyChange,
    PolicyChangeView,
    PolicyVersionsView,
)
from heliostat_core.contracts.sessions import SessionView
from heliostat_core.database import Database

from ..domain.views import SessionViews
from ..storage.log_lines import LogLineStorage
from ..storage.sessions import SessionStorage
from .forecasts import forecast_stops


@dataclass(frozen=True, slots=True)
class SessionsPage:
    """Servers by user and name, and after which the next page begins, if there is one."""

    sessions: list[SessionView]
    last: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class BuildsPage:
    """Builds, the latest first, and after which the next page begins, if there is one."""

    builds: list[BuildView]
    last: UUID | None


@dataclass(frozen=True, slots=True)
class PoliciesPage:
    """Versions of the policy, the newest first, and before which the next page begins, if there is one."""

    policies: PolicyVersionsView
    last: int | None


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines of a build's log, and after which number the next page begins, if there is one."""

    lines: list[LogLine]
    last: int | None


class AdministrationService:
    """Lists everybody's servers, builds, environments and policies."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: SessionStorage,
        lines: LogLineStorage,
        views: SessionViews,
        builder: BuilderClient,
        policy: PolicyClient,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._lines = lines
        self._views = views
        self._builder = builder
        self._policy = policy

    async def list_sessions(self, *, user: str | None, after: tuple[str, str], most: int) -> SessionsPage:
        """List servers as the ledger has them, which is as the hub had them at the last look, seconds ago."""
        async with self._database.statements() as connection:
            found = await self._sessions.list_all(connection, user=user, after=after, most=most + 1)
        page = found[:most]
        idle = await forecast_stops(self._policy, [session for session in page if session.running])
        views = [self._views.build(item, None, idle.get(item.id), state=item.state) for item in page]
        last = (page[-1].user, page[-1].server_name) if len(found) > most else None
        return SessionsPage(sessions=views, last=last)

    async def list_log(self, build_id: UUID, *, after: int, most: int) -> LogPage:
        """List lines of a build's log after a number."""
        async with self._database.statements() as connection:
            found = await self._lines.list_after(connection, build_id, after=after, most=most + 1)
        page = found[:most]
        return LogPage(lines=page, last=page[-1].number if len(found) > most else None)

    async def list_builds(
        self, *, token: str, repo: str | None, state: BuildState | None, before: UUID | None, most: int
    ) -> BuildsPage:
        """List builds, the latest first."""
        found = await self._builder.list_builds(token=token, repo=repo, state=state, before=before, most=most + 1)
        return BuildsPage(builds=found[:most], last=found[most - 1].id if len(found) > most else None)

    async def read_build(self, build_id: UUID, *, token: str) -> BuildView:
        """Read one build."""
        return await self._builder.read_build_as(build_id, token=token)

    async def cancel_build(self, build_id: UUID, *, token: str) -> BuildView:
        """Cancel a build, whoever waits for it."""
        return await self._builder.cancel_build(build_id, token=token)

    async def list_environments(self, *, token: str) -> list[EnvironmentView]:
        """List environments, the latest first."""
        return await self._builder.list_environments(token=token)

    async def list_policies(self, *, token: str, before: int | None, most: int) -> PoliciesPage:
        """List versions of the policy, the newest first; their numbers have no gaps."""
        found = await self._policy.list_policies(token=token, before=before, most=most)
        last = found.versions[-1].version if found.versions else 1
        return PoliciesPage(policies=found, last=last if last > 1 else None)

    async def put_policy(self, change: PolicyChange, *, token: str) -> PolicyChangeView:
        """Put a policy in force, or say what it would change."""
        return await self._policy.put_policy(change, token=token)
