"""Which grant a server starts with, and whether what it names is on this host."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Protocol

from heliostat_core.grants import Grant, GrantInvalidError, verify_grant
from heliostat_runtime import VolumeStore
from pydantic import SecretStr

from .deletion import Deletions
from .errors import refuse_without_environment


class PresenceCheck(Protocol):
    """Looks for what a grant names."""

    def __call__(self, grant: Grant, *, populated: bool) -> Awaitable[bool]:
        """Whether it is on this host; ``populated``: the files of the commit are in its volume."""


class VolumeGrants:
    """Grants as they are recorded with volumes, and as they are offered in user options.

    Parameters
    ----------
    key
        The key sessions signs with.
    volumes
        The servers' storage.
    deletions
        A volume that is to be deleted grants nothing to a new server of the name.
    is_present
        Looks for what a grant names.
    """

    def __init__(
        self, *, key: SecretStr, volumes: VolumeStore, deletions: Deletions, is_present: PresenceCheck
    ) -> None:
        self._key = key
        self._volumes = volumes
        self._deletions = deletions
        self._is_present = is_present

    async def choose(self, user_name: str, server_name: str, user_options: object) -> Grant | None:
        """Return the grant in force: the recorded one, or a newer valid one that is offered; else None.

        Every user option but ``grant`` is ignored, and so is a grant that is forged, for another server, or too old.
        """
        recorded = await self._read_recorded(user_name, server_name)
        offered = self._read_offered(user_name, server_name, user_options)
        if offered is not None and (recorded is None or offered.issued_at > recorded.issued_at):
            return offered
        return recorded

    async def check(self, grant: Grant | None) -> None:
        """Raise SpawnRefusedError unless the environment, and files not yet copied, are on this host."""
        if grant is None:
            return
        volume = await self._volumes.find(grant.user, grant.server_name)
        if not await self._is_present(grant, populated=volume is not None and volume.populated):
            raise refuse_without_environment(repo=grant.repo, commit=grant.commit)

    async def record(self, volume_id: str, grant: Grant) -> None:
        """Record the grant a server starts with."""
        await self._volumes.record(volume_id, grant=grant.model_dump(mode="json"))

    async def _read_recorded(self, user_name: str, server_name: str) -> Grant | None:
        volume = await self._volumes.find(user_name, server_name)
        if volume is None or volume.grant is None or await self._deletions.is_doomed(volume.volume_id):
            return None
        return Grant.model_validate(volume.grant)

    def _read_offered(self, user_name: str, server_name: str, user_options: object) -> Grant | None:
        text = user_options.get("grant") if isinstance(user_options, dict) else None
        if not isinstance(text, str):
            return None
        try:
            return verify_grant(text, key=self._key, user=user_name, server_name=server_name, now=datetime.now(UTC))
        except GrantInvalidError:
            return None
