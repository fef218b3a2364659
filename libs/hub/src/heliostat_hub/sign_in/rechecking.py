"""Asking again whether an account may still be used: now and then while people are here, always before a start."""

from abc import abstractmethod
from datetime import timedelta
from time import monotonic
from typing import Any

from jupyterhub.auth import Authenticator
from traitlets import Unicode
from typing_extensions import override

from ..errors import refuse_account, refuse_without_accounts
from .accounts import AccountBarredError

_SAME_START = timedelta(seconds=5)
"""The gate asks before a server's record is made, and the hub again when it starts the server: one question will do."""

Refreshed = dict[str, Any] | bool
"""JupyterHub's answer of `refresh_user`: an authentication model, or whether what is known is still good."""


class AccountsUnavailableError(Exception):
    """Nobody can say now whether an account may be used; the text is for the log."""


class RecheckedAuthenticator(Authenticator):  # type: ignore[misc]  # jupyterhub ships no types
    """An authenticator that knows more than it learnt at the sign-in."""

    reserved_name = Unicode(config=True, help="The technical administrator, who has a token and no account.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._confirmed: dict[str, float] = {}

    @abstractmethod
    async def recheck(self, user: Any) -> Refreshed:
        """Ask whether JupyterHub's ``user`` may still be one; the model has their groups of now.

        Raises
        ------
        AccountBarredError
            They may not.
        AccountsUnavailableError
            Nobody can say.
        """

    @override
    async def refresh_user(self, user: Any, handler: Any = None, **_kwargs: Any) -> Refreshed:
        """Serve the hub's look at who sent a request; while nobody can say, people stay signed in."""
        if user.name == self.reserved_name:
            return True
        try:
            return await self.recheck(user)
        except AccountBarredError as error:
            self.log.warning("%s may not be used any more: %s", user.name, error.standing.name)
            return False
        except AccountsUnavailableError as error:
            self.log.warning("It cannot be checked whether %s may still be used: %s", user.name, error)
            return True

    @override
    async def pre_spawn_start(self, user: Any, spawner: Any) -> None:
        """Let the hub start a server only for a user who may still be one."""
        if self._confirmed.pop(user.name, 0.0) + _SAME_START.total_seconds() < monotonic():
            await self._admit(user)

    async def admit_creation(self, user: Any) -> None:
        """Ask before a server's record is made, so that a refusal leaves none.

        Raises
        ------
        SpawnRefusedError
            The user may not be one any more, or nobody can say.
        """
        await self._admit(user)
        self._confirmed[user.name] = monotonic()

    async def _admit(self, user: Any) -> None:
        if user.name == self.reserved_name:
            return
        try:
            model = await self.recheck(user)
        except AccountBarredError as error:
            self.log.warning("No server for %s: %s", user.name, error.standing.name)
            raise refuse_account(error.standing.value) from error
        except AccountsUnavailableError as error:
            self.log.warning("No server for %s, whose account cannot be checked: %s", user.name, error)
            raise refuse_without_accounts() from error
        if isinstance(model, dict):
            user.sync_groups(model["groups"])
            if self.enable_auth_state:
                await user.save_auth_state(model["auth_state"])
