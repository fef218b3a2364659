"""Asks policy whether a server may be created, started or renamed."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

from heliostat_core.clients import PeerRefusedError, PeerUnavailableError, PolicyClient
from heliostat_core.contracts.policy import (
    AdmissionAction,
    AdmissionRequest,
    AdmissionView,
    EffectivePolicyView,
    Rules,
    ServerFact,
)
from heliostat_core.grants import Grant

from .errors import refuse_by_policy, refuse_without_policy

DEADLINE = timedelta(seconds=3)
_DISPLAY_DEADLINE = timedelta(seconds=1)
_DISPLAY_TIME = timedelta(seconds=60)
_REMEMBERED_USERS = 2000

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
        self._rules: OrderedDict[str, tuple[float, Rules]] = OrderedDict()

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
        self._remember(user.name, view.rules)
        if not view.allowed:
            raise refuse_by_policy(view)
        return view

    async def read_rules(self, user_name: str) -> Rules | None:
        """Read a user's rules for a page; None when policy does not answer at once. Decides nothing."""
        known = self._rules.get(user_name)
        if known is not None and known[0] > monotonic():
            return known[1]
        try:
            async with asyncio.timeout(_DISPLAY_DEADLINE.total_seconds()):
                answer = await self._policy.request("GET", "api/v1/policy", params={"user": user_name})
        except (TimeoutError, PeerUnavailableError, PeerRefusedError):
            return self.remembered_rules(user_name)
        rules = EffectivePolicyView.model_validate(answer).rules
        self._remember(user_name, rules)
        return rules

    def remembered_rules(self, user_name: str) -> Rules | None:
        """Return the rules policy last told for a user, of any age, without asking."""
        known = self._rules.get(user_name)
        return known[1] if known else None

    def _remember(self, user_name: str, rules: Rules) -> None:
        self._rules[user_name] = (monotonic() + _DISPLAY_TIME.total_seconds(), rules)
        self._rules.move_to_end(user_name)
        if len(self._rules) > _REMEMBERED_USERS:
            self._rules.popitem(last=False)


def _list_named_servers(user: Any) -> list[ServerFact]:
    spawners = user.all_spawners(include_default=False)
    return [ServerFact(name=spawner.name, active=bool(getattr(spawner, "active", False))) for spawner in spawners]
