"""Whose a user name is, and asking again whether the account may still be used: now and then, and before a start."""

import hashlib
import math
from abc import abstractmethod
from datetime import timedelta
from time import monotonic
from typing import Any

from jupyterhub.auth import Authenticator
from tornado import web
from traitlets import Bool, Unicode
from typing_extensions import override

from ..errors import refuse_account, refuse_without_accounts
from .accounts import AccountBarredError, Standing
from .names import NameUnusableError, is_temporary, to_user_name

ACCOUNT = "account"
"""Key in the hub's ``user_info`` of a digest of the account's identity. The hub shows it to whom it shows the name."""
_OTHER_ACCOUNT = (
    "The user name %s belongs to another account, which had it here before. "
    "Ask your administrators: once they have deleted that user's servers and the user, the name is free."
)
_SAME_START = timedelta(seconds=5)
"""The gate asks before a server's record is made, and the hub again when it starts the server: one question will do."""

Refreshed = dict[str, Any] | bool
"""JupyterHub's answer of `refresh_user`: an authentication model, or whether what is known is still good."""


class AccountsUnavailableError(Exception):
    """Nobody can say now whether an account may be used; the text is for the log."""


class RecheckedAuthenticator(Authenticator):  # type: ignore[misc]  # jupyterhub ships no types
    """An authenticator that knows more than it learnt at the sign-in."""

    reserved_name = Unicode(config=True, help="The technical administrator, who has a token and no account.")
    anonymous_launches = Bool(config=True, help="Whether there are temporary users, who have no account either.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._confirmed: dict[str, float] = {}

    def choose_name(self, account: str) -> str:
        """Return the user name of an account; raise NameUnusableError when it has one that no user can have here."""
        name = to_user_name(account)
        if name == self.reserved_name or is_temporary(name):
            raise NameUnusableError(f"The name {name} is reserved here. Ask your administrators for another account.")
        return name

    @override
    async def run_post_auth_hook(self, handler: Any, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Let in who has the account that first signed in under this name: names are reused and changed, files stay."""
        model: dict[str, Any] = await super().run_post_auth_hook(handler, auth_model)
        user = handler.find_user(model["name"])
        if user is not None and is_of_another_account(user, model["user_info"][ACCOUNT]):
            raise web.HTTPError(403, _OTHER_ACCOUNT, model["name"])
        return model

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
        if not self._has_account(user):
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
        if self._confirmed.pop(user.name, -math.inf) + _SAME_START.total_seconds() < monotonic():
            await self._admit(user)

    async def admit_creation(self, user: Any, *, starts: bool) -> None:
        """Ask before a server's record is made, so that a refusal leaves none; ``starts``: a start follows at once.

        Raises
        ------
        SpawnRefusedError
            The user may not be one any more, or nobody can say.
        """
        await self._admit(user)
        if starts:
            self._confirmed[user.name] = monotonic()

    async def _admit(self, user: Any) -> None:
        if not self._has_account(user):
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

    def _has_account(self, user: Any) -> bool:
        return user.name != self.reserved_name and not (self.anonymous_launches and is_temporary(user.name))


def digest_identity(*parts: str) -> str:
    """Digest what names an account for ever."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def is_of_another_account(user: Any, account: str) -> bool:
    """Whether JupyterHub's ``user`` first signed in with another account than this one."""
    return bool((user.user_info or {}).get(ACCOUNT, account) != account)


def check_owner(user: Any, account: str) -> None:
    """Raise AccountBarredError when the user's name has gone to another account."""
    if is_of_another_account(user, account):
        raise AccountBarredError(Standing.MISSING)
