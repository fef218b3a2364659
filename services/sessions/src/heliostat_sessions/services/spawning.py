"""Starting a server at the hub with a signed grant."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from heliostat_core.contracts.builds import PlanView
from heliostat_core.contracts.events import LaunchRequested
from heliostat_core.grants import Grant, sign_grant
from pydantic import SecretStr

from ..domain.ledger import Session
from ..errors import HubBusyError, HubRefusedError
from ..storage.hub import HubClient

_LONGEST_LINK = 2000


class SpawnService:
    """Signs what a server may start with, and asks the hub to start it.

    Parameters
    ----------
    hub
        The hub.
    key
        Key of grants, shared with the hub's plugin.
    origins
        Whose pages may use the servers of temporary users.
    """

    def __init__(self, *, hub: HubClient, key: SecretStr, origins: Sequence[str]) -> None:
        self._hub = hub
        self._key = key
        self._origins = list(origins)

    def build_options(
        self, plan: PlanView, requested: LaunchRequested, *, name: str, session_id: UUID
    ) -> dict[str, Any]:
        """Build the user options of a server for the plan of a launch."""
        grant = Grant(
            user=requested.user,
            server_name=name,
            session_id=session_id,
            launch_id=requested.launch_id,
            environment_id=plan.environment_id,
            content_id=plan.content_id,
            image=plan.image,
            repo=plan.repo,
            commit=plan.commit,
            path=requested.path,
            spec=_shorter(f"{plan.provider}/{plan.resolved_spec}"),
            ref_url=_shorter(plan.ref_url),
            temporary=requested.temporary,
            origins=self._origins if requested.temporary else [],
            issued_at=datetime.now(UTC),
        )
        return {"grant": sign_grant(grant, key=self._key)}

    def rebuild_options(self, session: Session) -> dict[str, Any]:
        """Build the user options of a server as its session has it; a plain one needs no grant."""
        if session.repo is None or session.environment_id is None or session.commit is None:
            return {}
        grant = Grant(
            user=session.user,
            server_name=session.server_name,
            session_id=session.id,
            launch_id=session.launch_id,
            environment_id=session.environment_id,
            content_id=session.content_id,
            image=session.image,
            repo=session.repo,
            commit=session.commit,
            path=session.path,
            spec=_shorter(session.spec),
            ref_url=_shorter(session.ref_url),
            issued_at=datetime.now(UTC),
        )
        return {"grant": sign_grant(grant, key=self._key)}

    async def start(self, user: str, name: str, *, options: dict[str, Any]) -> None:
        """Ask the hub for a start.

        Raises
        ------
        HubBusyError
            The server is in between two states, or has been started by somebody else; look at it again.
        HubRefusedError
            The hub will not.
        """
        try:
            await self._hub.start(user, name, options=options)
        except HubRefusedError as error:
            server = await self._hub.read_server(user, name)
            if server is not None and server.active:
                raise HubBusyError from error
            raise


def _shorter(text: str | None) -> str | None:
    """Leave out what is longer than a link may be; servers start without it."""
    return text if text is not None and len(text) <= _LONGEST_LINK else None
