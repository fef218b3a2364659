"""Content-addressed environments: built in a staging directory, published in one step, never changed after."""

import asyncio
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from .errors import EnvironmentMissingError
from .files import Kept, read_json, remove_tree, sync_directory, write_json
from .processes import ProcessIdentity, read_identity

__all__ = ["EnvironmentStore"]

MANIFEST = "heliostat.json"
PUBLIC_DIRECTORY = 0o755  # servers run under other uids, and see it through a read-only bind


class EnvironmentStore:
    """Environments in `environments/<id>/`, with the manifest in them; staging in `staging/environments/`."""

    def __init__(self, state: Path) -> None:
        self._root = state / "environments"
        self._staging = state / "staging" / "environments"
        self._trash = state / "trash" / "environments"

    def path(self, environment_id: str) -> Path:
        """Return where an environment is, or would be."""
        return self._root / environment_id

    async def exists(self, environment_id: str) -> bool:
        """Whether the environment is published."""
        return await asyncio.to_thread(self.path(environment_id).is_dir)

    async def staging(self, environment_id: str) -> Path:
        """Make a fresh directory to build in; it belongs to this process and is removed after its death."""
        return await asyncio.to_thread(self._make_staging, environment_id)

    async def discard(self, staging: Path) -> None:
        """Remove a staging directory whose build failed."""
        await asyncio.to_thread(remove_tree, staging)
        await asyncio.to_thread(_owner_file(staging).unlink, missing_ok=True)

    async def publish(self, staging: Path, environment_id: str, manifest: dict[str, Any]) -> Path:
        """Publish what was built; when another build was first, take that one and discard this one."""
        path = await asyncio.to_thread(self._publish, staging, environment_id, manifest)
        await self.discard(staging)
        return path

    async def read_manifest(self, environment_id: str) -> dict[str, Any]:
        """Return what was recorded with an environment.

        Raises
        ------
        EnvironmentMissingError
            It is not published.
        """
        manifest = await asyncio.to_thread(read_json, self.path(environment_id) / MANIFEST)
        if not isinstance(manifest, dict):
            raise EnvironmentMissingError(path=self.path(environment_id))
        return manifest

    async def list_(self) -> tuple[str, ...]:
        """List the ids of all published environments."""
        return await asyncio.to_thread(lambda: tuple(sorted(path.name for path in _list(self._root))))

    async def measure(self) -> tuple[Kept, ...]:
        """List all published environments with the size their manifests say and when they were published."""
        return await asyncio.to_thread(self._measure)

    async def retire(self, environment_id: str) -> None:
        """Remove an environment; absent is success. Whether a server uses it is the caller's to know."""
        await asyncio.to_thread(self._retire, environment_id)

    async def reconcile(self) -> None:
        """Remove staging directories whose builder is gone, and finish removals."""
        await asyncio.to_thread(self._reconcile)

    def _make_staging(self, environment_id: str) -> Path:
        self._staging.mkdir(parents=True, exist_ok=True)
        staging = self._staging / f"{environment_id}-{token_hex(8)}"
        owner = read_identity(os.getpid())
        write_json(_owner_file(staging), owner and owner.model_dump())
        staging.mkdir(mode=PUBLIC_DIRECTORY)
        return staging

    def _publish(self, staging: Path, environment_id: str, manifest: dict[str, Any]) -> Path:
        self._root.mkdir(parents=True, exist_ok=True)
        write_json(staging / MANIFEST, manifest)
        staging.chmod(PUBLIC_DIRECTORY)
        try:
            # Fails when the target is there: a published environment is never empty.
            staging.rename(self.path(environment_id))
        except OSError:
            if not self.path(environment_id).is_dir():
                raise
        sync_directory(self._root)
        return self.path(environment_id)

    def _measure(self) -> tuple[Kept, ...]:
        found = []
        for path in _list(self._root):
            with suppress(FileNotFoundError):  # retired meanwhile
                published = datetime.fromtimestamp((path / MANIFEST).stat().st_mtime, UTC)
                size = (read_json(path / MANIFEST) or {}).get("size") or 0
                found.append(Kept(id=path.name, size=size, created_at=published))
        return tuple(found)

    def _retire(self, environment_id: str) -> None:
        self._trash.mkdir(parents=True, exist_ok=True)
        doomed = self._trash / f"{environment_id}-{token_hex(8)}"
        try:
            self.path(environment_id).rename(doomed)
        except FileNotFoundError:
            return
        remove_tree(doomed)

    def _reconcile(self) -> None:
        for directory in _list(self._trash):
            remove_tree(directory)
        for directory in _list(self._staging):
            if not _has_living_owner(directory):
                remove_tree(directory)
        for file in self._staging.glob("*.owner.json"):
            if not _has_living_owner(file.with_name(file.name.removesuffix(".owner.json"))):
                file.unlink(missing_ok=True)


def _owner_file(staging: Path) -> Path:
    return staging.with_name(f"{staging.name}.owner.json")


def _has_living_owner(staging: Path) -> bool:
    document = read_json(_owner_file(staging))
    return document is not None and ProcessIdentity.model_validate(document).is_alive()


def _list(parent: Path) -> list[Path]:
    try:
        return [path for path in parent.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []
