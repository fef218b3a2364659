"""One whole instance as `make up` starts it, with what the tests need to look into it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_DEADLINE = 240
STOP_DEADLINE = 90
_QUICK = {
    "HELIOSTAT_SESSIONS_IDLE_SWEEP_INTERVAL": "1s",
    "HELIOSTAT_SESSIONS_MEASURE_INTERVAL": "2s",
    "HELIOSTAT_SESSIONS_RECONCILE_INTERVAL": "1s",
}


@dataclass(frozen=True)
class Stack:
    """A running instance: its address, credentials and state directory."""

    url: str
    state: Path
    username: str
    password: str
    api_token: str
    admin_username: str

    def client(self, token: str) -> httpx.Client:
        """Return an HTTP client that signs in with a hub token."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def create_user(self, name: str) -> str:
        """Create a user at the hub and return a token of theirs, as their Token page would."""
        with self.client(self.api_token) as admin:
            admin.post("/hub/api/users", json={"usernames": [name]}).raise_for_status()
            answer = admin.post(f"/hub/api/users/{name}/tokens", json={"note": "tests"})
            answer.raise_for_status()
            return str(answer.json()["token"])

    def pid_of(self, component: str) -> int:
        """Read the process id of a component as `make status` shows it."""
        environment = {**os.environ, "HELIOSTAT_STATE_DIR": str(self.state)}
        command = [sys.executable, "-m", "heliostat_local", "status", "--json"]
        status = json.loads(subprocess.run(command, env=environment, capture_output=True, check=False).stdout)
        return next(int(row["pid"]) for row in status["components"] if row["name"] == component)

    def kill(self, component: str) -> None:
        """Kill a service with SIGKILL; the supervisor starts it again."""
        os.kill(self.pid_of(component), signal.SIGKILL)

    @contextmanager
    def paused(self, component: str) -> Iterator[None]:
        """Have a service accept connections and answer none."""
        pid = self.pid_of(component)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


def find_free_port() -> int:
    """Ask the system for a port nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running_stack(state: Path, **settings: str) -> Iterator[Stack]:
    """Start an instance in a state directory and stop it, as Ctrl-C does, on leaving."""
    environment = {
        **os.environ,
        **_QUICK,
        **settings,
        "HELIOSTAT_STATE_DIR": str(state),
        "HELIOSTAT_PORT": str(find_free_port()),
    }
    state.mkdir(parents=True, exist_ok=True)
    output = state / "supervisor.out"
    with output.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "heliostat_local", "up"], env=environment, stdout=log, stderr=log
        )
    try:
        _wait_until_ready(process, environment, output)
        credentials = json.loads((state / "credentials.json").read_text())
        yield Stack(
            url=credentials["url"],
            state=state,
            username=credentials["username"],
            password=credentials["password"],
            api_token=credentials["api_token"],
            admin_username=credentials["admin_username"],
        )
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _wait_until_ready(process: subprocess.Popen[bytes], environment: dict[str, str], output: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE
    status = [sys.executable, "-m", "heliostat_local", "status"]
    while subprocess.run(status, env=environment, capture_output=True, check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The instance did not start:\n{output.read_text()}")
        time.sleep(0.5)
