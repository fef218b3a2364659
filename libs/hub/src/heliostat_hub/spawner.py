"""What JupyterHub's spawners of all runtimes have in common: admission, grants, storage, steps."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar

from heliostat_containers import EngineError
from heliostat_core.contracts.policy import AdmissionView
from heliostat_core.grants import Grant
from heliostat_runtime import RuntimeHostError, Volume, VolumeBusyError
from jupyterhub.spawner import Spawner
from tornado import web
from typing_extensions import override

from .errors import fail_on_host, refuse_while_deleted
from .host import Host
from .plan import build_default_url, describe_admission
from .progress import Steps


class HeliostatSpawner(Spawner):  # type: ignore[misc]  # jupyterhub ships no types
    """Starts what policy admits and a grant names, on a volume of the server's own.

    User options are ignored, except a grant with a valid signature. ``host`` is set when a hub's class is built:
    traitlets would copy it if it were a configured value.
    """

    host: ClassVar[Host]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.volume_id = ""
        self.admission: AdmissionView | None = None
        self._steps = Steps()

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.volume_id = state.get("volume_id", "")

    @override
    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        return {**state, "volume_id": self.volume_id} if self.volume_id else state

    @override
    def clear_state(self) -> None:
        super().clear_state()
        self.volume_id = ""

    @override
    async def run_pre_spawn_hook(self) -> None:
        """Ask policy, as the last thing before the start."""
        self.admission = await self.host.gate.admit_start(self)
        self._steps.add(20, describe_admission(self.admission.rules, policy_version=self.admission.policy_version))

    @override
    async def start(self) -> tuple[str, int]:
        """Start the server and return once it accepts connections.

        Raises
        ------
        SpawnRefusedError
            What it needs is not here, or the host could not start it.
        """
        try:
            return await self._start()
        except (RuntimeHostError, EngineError) as error:
            raise fail_on_host(error) from error
        finally:
            self._steps.close()

    async def start_on(self, volume: Volume, grant: Grant | None, admission: AdmissionView) -> tuple[str, int]:
        """Start the server and return its address once it accepts connections; nothing of a failed start is left."""
        raise NotImplementedError

    @override
    async def stop(self, now: bool = False) -> None:
        """Stop the server, at once or with time to save; stopped is success."""
        raise NotImplementedError

    @override
    async def poll(self) -> int | None:
        """Return None while the server runs, else its exit code."""
        raise NotImplementedError

    @override
    async def rename(self, old_name: str, new_name: str) -> None:
        """Admit a new name for a server without storage; with storage it keeps its name.

        Raises
        ------
        HTTPError
            409, or policy's refusal.
        """
        if await self.host.volumes.find(self.user.name, old_name) is not None:
            raise web.HTTPError(
                409,
                f"The server {old_name!r} has storage, which belongs to its name. "
                "Create a server with the new name and copy the files.",
            )
        await self.host.gate.admit_rename(self.user, new_name)

    @override
    async def delete_forever(self) -> None:
        """Delete the server's storage; it is finished later when it cannot be now."""
        await self.host.deletions.delete((self.user.name, self.name))

    @override
    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield each step of the start as it is done."""
        async for step in self._steps.watch():
            yield step

    async def _start(self) -> tuple[str, int]:
        host, admission = self.host, self.admission
        if admission is None:
            raise RuntimeError("a start must have been admitted")
        grant = await host.grants.choose(self.user.name, self.name, self.user_options)
        await host.grants.check(grant)
        volume = await self._ensure_volume(admission.rules.storage)
        self.volume_id = volume.volume_id
        if grant is not None:
            await host.grants.record(volume.volume_id, grant)
        self._steps.add(40, "Storage is ready")
        self.default_url = build_default_url(grant.path if grant else None)
        self.mem_limit, self.cpu_limit = admission.rules.memory, admission.rules.cpu
        return await self.start_on(volume, grant, admission)

    async def _ensure_volume(self, size: int) -> Volume:
        existing = await self.host.volumes.find(self.user.name, self.name)
        if existing is not None and await self.host.deletions.is_doomed(existing.volume_id):
            try:
                await self.host.deletions.delete((self.user.name, self.name))
            except VolumeBusyError as error:
                raise refuse_while_deleted(self.name) from error
        return await self.host.volumes.ensure(self.user.name, self.name, size)
