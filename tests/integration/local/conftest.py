"""A supervisor as a process of its own, on a state directory of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from heliostat_local.config import CHECKOUT, LocalConfig
from heliostat_local.detach import is_ready
from heliostat_local.layout import StateLayout
from heliostat_local.ports import is_free
from heliostat_local.status import ComponentState, InstanceStatus, read_status
from heliostat_runtime.processes import ProcessIdentity, list_descendants, read_identity

STAND_IN = Path(__file__).with_name("stand_in.py")


def wait_until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


class Instance:
    """One state directory and whatever supervisor was started on it last."""

    def __init__(self, state: Path, port: int, *, prefix: Sequence[str] = ()) -> None:
        self.config = LocalConfig(state_dir=state, port=port)
        self.layout = StateLayout(self.config)
        self._prefix = prefix
        self.process: subprocess.Popen[str] | None = None

    def start(self, **environment: str) -> None:
        own = {"HELIOSTAT_STATE_DIR": str(self.config.state_dir), "HELIOSTAT_PORT": str(self.config.port)}
        self.process = subprocess.Popen(
            [*self._prefix, sys.executable, str(STAND_IN)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": os.environ["PATH"], **own, **environment},
            cwd=CHECKOUT,
        )

    def start_and_wait(self) -> None:
        self.start()
        wait_until(self.is_ready)

    def finish(self) -> str:
        """Wait for the supervisor's end and return what it said."""
        assert self.process is not None
        output, _ = self.process.communicate(timeout=60)
        return output

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    @property
    def status(self) -> InstanceStatus | None:
        return read_status(self.layout.status)

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.finish()
        return is_ready(self.layout, pid=self.process.pid)

    def pid(self, component: str) -> int:
        return next(c.pid for c in self.require_status().components if c.name == component and c.pid)

    def has_restarted(self, component: str, *, times: int = 1) -> bool:
        found = next(c for c in self.require_status().components if c.name == component)
        return found.state is ComponentState.READY and found.restarts >= times

    def require_status(self) -> InstanceStatus:
        assert self.status is not None
        return self.status

    def processes(self) -> list[ProcessIdentity]:
        """Everything the supervisor started, directly or not."""
        assert self.process is not None
        found = [read_identity(pid) for pid in list_descendants(self.process.pid)]
        return [identity for identity in found if identity]

    def end(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        self.finish()
        self.process = None


@pytest.fixture
def make_instance(tmp_path: Path) -> Iterator[Callable[..., Instance]]:
    made: list[Instance] = []

    def make(name: str = "state", *, root: Path = tmp_path, prefix: Sequence[str] = ()) -> Instance:
        port = next(port for port in range(18100 + 50 * len(made), 18999) if is_free("127.0.0.1", port))
        made.append(Instance(root / name, port, prefix=prefix))
        return made[-1]

    yield make
    for instance in made:
        instance.end()
