import json
import os
import subprocess
import sys
from collections.abc import Callable

from heliostat_local.config import CHECKOUT

from tests.integration.local.conftest import Instance


def run(instance: Instance, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "heliostat_local", *arguments],
        env={"PATH": os.environ["PATH"], "HELIOSTAT_STATE_DIR": str(instance.config.state_dir)},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_status_and_logs_of_a_running_instance(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance()
    instance.start_and_wait()

    table = run(instance, "status")
    data = run(instance, "status", "--json")
    logs = run(instance, "logs", "postgres", "--once")

    assert (table.returncode, data.returncode, logs.returncode) == (0, 0, 0)
    assert "policy" in table.stdout
    assert {component["state"] for component in json.loads(data.stdout)["components"]} == {"ready"}
    assert "postgres | " in logs.stdout


def test_down_stops_what_runs_and_status_says_so(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance()
    instance.start_and_wait()
    started = instance.processes()

    down = run(instance, "down")
    status = run(instance, "status")

    assert (down.returncode, status.returncode) == (0, 1)
    assert "does not run" in status.stderr
    assert not [identity for identity in started if identity.is_alive()]


def test_down_ends_what_a_killed_supervisor_left(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance()
    instance.start_and_wait()
    started = instance.processes()
    assert instance.process is not None
    instance.process.kill()
    instance.finish()

    assert run(instance, "down").returncode == 0

    assert not [identity for identity in started if identity.is_alive()]


def test_an_invalid_setting_is_named() -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "heliostat_local", "status"],
        env={"PATH": os.environ["PATH"], "HELIOSTAT_PORT": "70000"},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 1
    assert "HELIOSTAT_PORT" in refused.stderr
