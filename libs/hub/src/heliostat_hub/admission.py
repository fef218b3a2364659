"""Asks policy whether a server may be created, started, renamed or shared."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from heliostat_core.clients import PeerRefusedError, PeerUnavailableError, PolicyClient
from heliostat_core.contracts.policy import AdmissionAction, AdmissionRequest, AdmissionView, ServerFact
from heliostat_core.grants import Grant

from .errors import refuse_by_policy, refuse_without_policy

DEADLINE = timedelta(seconds=3)

ServerKey = tuple[str, str]
"""User and server name; the default server's name is empty."""


class AdmissionDesk:
    """The plugin's one way to policy.

    Parameters
    ----------
    policy
        Client with the plugin's own identity.
    unenforced
        The resources this host cannot limit.
    """

    def __init__(self, *, policy: PolicyClient, unenforced: Sequence[str]) -> None:
        self._policy = policy
        self._unenforced = list(unenforced)

    async def admit(
        self,
        action: AdmissionAction,
        *,
        user: Any,
        server_name: str,
        grant: Grant | None,
        share_with: str | None = None,
    ) -> AdmissionView:
        """Ask, with the servers the user has now as facts; ``user`` is JupyterHub's.

        Raises
        ------
        SpawnRefusedError
            Policy says no, or does not answer within three seconds.
        """
        request = AdmissionRequest(
            action=action,
            user=user.name,
            groups=[group.name for group in user.groups],
            server_name=server_name,
            repository=grant.repo if grant else None,
            session_id=grant.session_id if grant else None,
            correlation_id=grant.launch_id if grant else None,
            servers=_list_named_servers(user),
            unenforced=self._unenforced,
            share_with=share_with,
        )
        try:
            async with asyncio.timeout(DEADLINE.total_seconds()):
                view = await self._policy.admit(request)
        except (TimeoutError, PeerUnavailableError, PeerRefusedError) as error:
            raise refuse_without_policy() from error
        if not view.allowed:
            raise refuse_by_policy(view)
        return view


def _list_named_servers(user: Any) -> list[ServerFact]:
    spawners = user.all_spawners(include_default=False)
    return [ServerFact(name=spawner.name, active=bool(getattr(spawner, "active", False))) for spawner in spawners]
