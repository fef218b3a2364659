"""Where JupyterHub asks before it creates or starts a server, whoever asked: page, API, or another service."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import monotonic
from typing import Any, Protocol

from heliostat_core.contracts.policy import AdmissionAction, AdmissionView
from heliostat_core.grants import Grant

from .admission import AdmissionDesk, ServerKey
from .deletion import Deletions
from .errors import SpawnRefusedError, refuse_while_deleted
from .sign_in.rechecking import RecheckedAuthenticator

_VERDICT_TIME = timedelta(seconds=30)
_SLUG = re.compile(r"[a-z](?:[a-z0-9]|-(?!-))*")
_NO_COUNT_BY_HUB = 0  # the hub's word for "unlimited": policy has counted already


class GrantReader(Protocol):
    """Finds what a server may start with."""

    async def choose(self, user_name: str, server_name: str, user_options: object) -> Grant | None:
        """Return the grant in force: the recorded one, or a newer valid one that is offered."""

    async def check(self, grant: Grant | None) -> None:
        """Raise SpawnRefusedError unless what was granted is there."""


class AdmissionGate:
    """Admission before any record exists (creation), before every start, and before a server is shared.

    Parameters
    ----------
    desk
        Asks policy.
    grants
        Finds what a server may start with.
    deletions
        Servers whose storage is being deleted.
    """

    def __init__(self, *, desk: AdmissionDesk, grants: GrantReader, deletions: Deletions) -> None:
        self._desk = desk
        self._grants = grants
        self._deletions = deletions
        self._verdicts: dict[ServerKey, tuple[float, AdmissionView]] = {}

    async def count_named_servers(self, handler: Any) -> int:
        """Serve as ``JupyterHub.named_server_limit_per_user``.

        The hub awaits it on PUT, POST and both verbs of ``/hub/spawn`` before it makes a record, with the owner and
        the server's name as path arguments, and on pages, without. ``handler.current_user`` is who asks, not the owner.

        Raises
        ------
        SpawnRefusedError
            The server may not be created, or not be started right after.
        """
        arguments = handler.path_args
        if len(arguments) < 2 or not arguments[1]:  # noqa: PLR2004 owner and name
            return _NO_COUNT_BY_HUB
        user, server_name = handler.find_user(arguments[0]), arguments[1]
        if user is None:
            return _NO_COUNT_BY_HUB
        exists = server_name in user.orm_spawners
        if exists and self._deletions.is_running((user.name, server_name)):
            raise refuse_while_deleted(server_name)
        if not exists:
            await self._admit_creation(user, server_name, handler)
        return _NO_COUNT_BY_HUB

    async def admit_start(self, spawner: Any) -> AdmissionView:
        """Admit a start, at the last moment before it; serve ``Spawner.pre_spawn_hook``.

        Raises
        ------
        SpawnRefusedError
            The server may not start.
        """
        key = (spawner.user.name, spawner.name)
        admitted = self._verdicts.pop(key, None)
        if admitted is not None and admitted[0] > monotonic():
            return admitted[1]
        if self._deletions.is_running(key):
            raise refuse_while_deleted(spawner.name)
        grant = await self._grants.choose(*key, spawner.user_options)
        return await self._desk.admit(AdmissionAction.START, user=spawner.user, server_name=spawner.name, grant=grant)

    async def admit_rename(self, user: Any, new_name: str) -> None:
        """Admit another name for a server; raise SpawnRefusedError when it may not have it."""
        _check_slug(new_name)
        await self._desk.admit(AdmissionAction.RENAME, user=user, server_name=new_name, grant=None)

    async def admit_share(self, handler: Any, owner: str, server_name: str, *, share_with: str | None) -> None:
        """Admit giving others access to a server; raise SpawnRefusedError when it may not be given.

        A user or server that is not there is the hub's to refuse.
        """
        user = handler.find_user(owner)
        if user is None or server_name not in user.orm_spawners:
            return
        options = user.orm_spawners[server_name].user_options
        grant = await self._grants.choose(user.name, server_name, options)
        await self._desk.admit(
            AdmissionAction.SHARE, user=user, server_name=server_name, grant=grant, share_with=share_with
        )

    async def _admit_creation(self, user: Any, server_name: str, handler: Any) -> None:
        _check_slug(server_name)
        starts = handler.request.method != "PUT"
        if isinstance(handler.authenticator, RecheckedAuthenticator):
            # First, since it brings the user's groups up to date.
            await handler.authenticator.admit_creation(user, starts=starts)
        key = (user.name, server_name)
        grant = await self._grants.choose(*key, _read_user_options(handler))
        await self._desk.admit(AdmissionAction.CREATE, user=user, server_name=server_name, grant=grant)
        if not starts:
            return
        # This request also starts the server. Once the hub has begun with that it keeps the record whatever happens,
        # so everything that can refuse is asked now, and the verdict is used once by `admit_start`.
        await self._grants.check(grant)
        view = await self._desk.admit(AdmissionAction.START, user=user, server_name=server_name, grant=grant)
        self._forget_old_verdicts()
        self._verdicts[key] = (monotonic() + _VERDICT_TIME.total_seconds(), view)

    def _forget_old_verdicts(self) -> None:
        now = monotonic()
        for key in [key for key, (until, _) in self._verdicts.items() if until <= now]:
            del self._verdicts[key]


def build_limit_hook(gate: AdmissionGate) -> Callable[[Any], Awaitable[int]]:
    """Build the plain function the hub's configuration takes; traitlets would copy a bound method with its object."""

    async def limit(handler: Any) -> int:
        return await gate.count_named_servers(handler)

    return limit


def _read_user_options(handler: Any) -> object:
    if not hasattr(handler, "get_server_json_body"):
        return None  # the spawn page: grants come through the API only
    return handler.get_server_json_body()["user_options"]


def _check_slug(name: str) -> None:
    if not _SLUG.fullmatch(name):
        raise SpawnRefusedError(
            f"The server name {name!r} cannot be used",
            remedy="Use lower-case letters, digits and single hyphens, beginning with a letter.",
            reason="name",
            status=400,
        )
