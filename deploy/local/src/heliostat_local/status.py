"""What is running, as the supervisor last wrote it."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .layout import read_json, write_private

__all__ = ["ComponentState", "ComponentStatus", "InstanceStatus", "Phase", "StatusBoard", "read_status", "render_table"]


class ComponentState(StrEnum):
    """Where a component is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    UNRESPONSIVE = "unresponsive"
    RESTARTING = "restarting"
    FAILING = "failing"
    STOPPED = "stopped"


class Phase(StrEnum):
    """Where the whole instance is."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"


class ComponentStatus(BaseModel):
    """One component; `detail` says why it is not ready."""

    model_config = ConfigDict(frozen=True)

    name: str
    log: Path
    state: ComponentState = ComponentState.WAITING
    since: datetime
    pid: int | None = None
    restarts: int = 0
    detail: str | None = None


class InstanceStatus(BaseModel):
    """One instance."""

    model_config = ConfigDict(frozen=True)

    phase: Phase
    url: str
    components: tuple[ComponentStatus, ...]

    @property
    def ready(self) -> bool:
        """Whether the start is complete and every component is ready now."""
        return self.phase is Phase.READY and all(
            component.state is ComponentState.READY for component in self.components
        )


class StatusBoard:
    """Keeps the status of all components and writes each change to disk."""

    def __init__(self, path: Path, *, url: str, logs: dict[str, Path]) -> None:
        self._path = path
        self._url = url
        self._phase = Phase.STARTING
        now = datetime.now(UTC)
        self._components = {name: ComponentStatus(name=name, log=log, since=now) for name, log in logs.items()}

    def change(
        self,
        name: str,
        state: ComponentState,
        *,
        pid: int | None = None,
        restarted: bool = False,
        detail: str | None = None,
    ) -> None:
        """Note where a component is now."""
        before = self._components[name]
        self._components[name] = before.model_copy(
            update={
                "state": state,
                "since": datetime.now(UTC),
                "pid": pid,
                "restarts": before.restarts + restarted,
                "detail": detail,
            }
        )
        self._write()

    def enter(self, phase: Phase) -> None:
        """Note where the instance is now."""
        self._phase = phase
        self._write()

    def read(self, name: str) -> ComponentStatus:
        """Return a component's status."""
        return self._components[name]

    def _write(self) -> None:
        status = InstanceStatus(phase=self._phase, url=self._url, components=tuple(self._components.values()))
        write_private(self._path, status.model_dump_json())


def read_status(path: Path) -> InstanceStatus | None:
    """Read what a supervisor wrote; None when there was never one."""
    found = read_json(path)
    return None if found is None else InstanceStatus.model_validate(found)


def render_table(status: InstanceStatus, *, now: datetime) -> str:
    """Write the status for a terminal."""
    rows = [("COMPONENT", "STATE", "FOR", "PID", "RESTARTS", "LOG")]
    rows += [
        (c.name, c.state.value, _format_age(now - c.since), str(c.pid or "-"), str(c.restarts), str(c.log))
        for c in status.components
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"{c.name}: {c.detail}" for c in status.components if c.detail]
    return "\n".join(lines)


def _format_age(age: timedelta) -> str:
    return str(age).partition(".")[0]
