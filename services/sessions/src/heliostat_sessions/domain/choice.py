"""Which server a launch is for: one that exists, or a new one and its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from heliostat_core.contracts.builds import PlanView
from heliostat_core.contracts.events import LaunchRequested
from heliostat_core.errors import ConflictError

from .ledger import Session
from .names import DERIVED_LENGTH, derive_server_name
from .servers import HubServer


class ServerHasOtherRepositoryError(ConflictError):
    """The named server belongs to another repository, or to none."""

    code = "server_has_other_repository"

    def __init__(self, *, name: str, repo: str | None) -> None:
        super().__init__(
            f"Your server {name!r} holds {repo or 'no repository'}, and files are never put over other work",
            field="server_name",
            remedy="Choose another server name, or delete that server first.",
            details={"server": name, "repo": repo},
        )


class ServerRunsOtherCommitError(ConflictError):
    """The named server runs another commit of the same repository."""

    code = "server_runs_other_commit"

    def __init__(self, *, name: str, commit: str | None) -> None:
        super().__init__(
            f"Your server {name!r} is running commit {commit}",
            field="server_name",
            remedy="Stop it first and launch again, or leave the server name out.",
            details={"server": name, "commit": commit},
        )


class ServerBeingDeletedError(ConflictError):
    """The named server is being deleted."""

    code = "server_being_deleted"

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"Your server {name!r} is being deleted",
            field="server_name",
            remedy="Try again when it is gone, or choose another name.",
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """A server for a launch; ``session`` is None for a new one."""

    name: str
    session: Session | None = None
    server: HubServer | None = None

    @property
    def running(self) -> bool:
        """Whether there is nothing to start."""
        return self.server is not None and self.server.ready and self.server.pending is None

    def changes(self, plan: PlanView) -> bool:
        """Whether the server is to start with other files or another environment than it has; one that runs is not."""
        session = self.session
        if session is None:
            return True
        has = (session.commit, session.environment_id, session.content_id, session.image)
        return not self.running and has != (plan.commit, plan.environment_id, plan.content_id, plan.image)


def choose_server(
    request: LaunchRequested,
    plan: PlanView,
    *,
    sessions: Sequence[Session],
    servers: Mapping[str, HubServer],
    busy: Mapping[UUID, UUID],
    length: int = DERIVED_LENGTH,
) -> Choice:
    """Choose among a user's sessions (ledger) and servers (hub).

    ``busy`` maps sessions that other launches are bringing up to those launches.

    Raises
    ------
    ConflictError
        The server that was named cannot take this commit.
    """
    by_name = {session.server_name: session for session in sessions}
    if request.server_name is not None:
        return _choose_named(request.server_name, plan, by_name=by_name, servers=servers)
    if not request.new:
        for session in sessions:
            same = (session.repo, session.commit) == (plan.repo, plan.commit)
            present = session.server_name in servers or session.id in busy
            if same and not session.deleting and present:
                return Choice(session.server_name, session, servers.get(session.server_name))
    taken = by_name.keys() | servers.keys()
    return Choice(derive_server_name(plan.slug, taken=taken, length=length))


def _choose_named(
    name: str, plan: PlanView, *, by_name: Mapping[str, Session], servers: Mapping[str, HubServer]
) -> Choice:
    session, server = by_name.get(name), servers.get(name)
    if session is None:
        if server is not None:  # made at the hub's page a moment ago
            raise ServerHasOtherRepositoryError(name=name, repo=None)
        return Choice(name)
    if session.deleting:
        raise ServerBeingDeletedError(name=name)
    if session.repo != plan.repo:
        raise ServerHasOtherRepositoryError(name=name, repo=session.repo)
    if session.commit != plan.commit and server is not None and server.active:
        raise ServerRunsOtherCommitError(name=name, commit=session.commit)
    return Choice(name, session, server)
