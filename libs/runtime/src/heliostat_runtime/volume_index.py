"""Which volume belongs to whom, and which uids are taken: small files beside the volumes. Everything blocks."""

import hashlib
import os
import random
from pathlib import Path

from .errors import UidsExhaustedError
from .files import PRIVATE_FILE, write_atomically
from .volume import Owner, VolumeId

__all__ = ["FIRST_UID", "LAST_UID", "VolumeIndex"]

FIRST_UID = 200_000  # above what distributions, container engines and directory services hand out by default
LAST_UID = 265_535


class VolumeIndex:
    """Finds a volume by its owner without reading all of them, and gives out uids that no other volume has."""

    def __init__(self, directory: Path, *, first_uid: int, last_uid: int) -> None:
        self._owners = directory / "owners"
        self._uids = directory / "uids"
        self._range = (first_uid, last_uid)

    def prepare(self) -> None:
        """Make the directories."""
        self._owners.mkdir(parents=True, exist_ok=True)
        self._uids.mkdir(parents=True, exist_ok=True)

    def find(self, owner: Owner) -> VolumeId | None:
        """Return the id recorded for an owner; the volume itself may be half-made or gone."""
        try:
            return VolumeId(self._owner_file(owner).read_text())
        except FileNotFoundError:
            return None

    def record(self, owner: Owner, volume_id: VolumeId) -> None:
        """Note the volume that is about to be made for an owner."""
        write_atomically(self._owner_file(owner), volume_id.encode())

    def forget(self, owner: Owner, volume_id: VolumeId) -> None:
        """Drop an owner's entry unless it already names a newer volume."""
        if self.find(owner) == volume_id:
            self._owner_file(owner).unlink(missing_ok=True)

    def take_uid(self, volume_id: VolumeId) -> int:
        """Take a free uid; at random, so that a uid is not used again soon after its volume is gone.

        Raises
        ------
        UidsExhaustedError
            All are taken.
        """
        first, last = self._range
        taken = {path.name for path in self._uids.iterdir()}
        free = [uid for uid in range(first, last + 1) if str(uid) not in taken]
        if not free:
            raise UidsExhaustedError(first=first, last=last)
        uid = random.choice(free)  # noqa: S311
        descriptor = os.open(self._uids / str(uid), os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with os.fdopen(descriptor, "w") as file:
            file.write(volume_id)
        return uid

    def release_uid(self, uid: int, volume_id: VolumeId) -> None:
        """Give a uid back, if it was this volume's."""
        path = self._uids / str(uid)
        if path.exists() and path.read_text() == volume_id:
            path.unlink()

    def drop_unknown(self, known: set[str]) -> None:
        """Drop entries whose volume does not exist (the caller holds the store's lock)."""
        for path in [*self._owners.iterdir(), *self._uids.iterdir()]:
            if not path.name.startswith(".") and path.read_text() not in known:
                path.unlink()

    def _owner_file(self, owner: Owner) -> Path:
        return self._owners / hashlib.sha256(f"{owner.user}\0{owner.server_name}".encode()).hexdigest()
