import os
import signal
import tempfile
from collections.abc import Callable

import pytest
from heliostat_local.status import Phase

from tests.integration.local.conftest import Instance, wait_until

MakeInstance = Callable[..., Instance]


def test_a_killed_component_and_its_children_are_replaced(make_instance: MakeInstance) -> None:
    instance = make_instance()
    instance.start_and_wait()
    before = instance.processes()
    victim = instance.pid("policy")

    os.kill(victim, signal.SIGKILL)

    wait_until(lambda: instance.has_restarted("policy"))
    assert instance.pid("policy") != victim
    assert len(instance.processes()) == len(before)


def test_a_killed_postgres_is_replaced(make_instance: MakeInstance) -> None:
    instance = make_instance()
    instance.start_and_wait()

    os.kill(instance.pid("postgres"), signal.SIGKILL)

    wait_until(lambda: instance.has_restarted("postgres"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything(make_instance: MakeInstance, number: signal.Signals) -> None:
    instance = make_instance()
    instance.start_and_wait()
    started = instance.processes()

    instance.signal(number)
    said = instance.finish()

    assert said.endswith("stopping hub\nstopping policy\nstopping postgres\nstopped\n")
    assert not [identity for identity in started if identity.is_alive()]
    assert instance.require_status().phase is Phase.STOPPED


def test_after_a_killed_supervisor_the_next_start_works(make_instance: MakeInstance) -> None:
    instance = make_instance()
    instance.start_and_wait()
    orphans = instance.processes()

    instance.signal(signal.SIGKILL)
    instance.finish()
    instance.start_and_wait()

    assert not [identity for identity in orphans if identity.is_alive()]


def test_two_instances_run_side_by_side(make_instance: MakeInstance) -> None:
    first, second = make_instance("first"), make_instance("second")
    first.start()
    second.start()
    wait_until(first.is_ready)
    wait_until(second.is_ready)

    first.signal(signal.SIGINT)
    first.finish()

    assert second.is_ready()


def test_a_second_supervisor_is_refused(make_instance: MakeInstance) -> None:
    instance = make_instance()
    instance.start_and_wait()
    rival = Instance(instance.config.state_dir, instance.config.port + 1)

    rival.start()

    assert "already runs" in rival.finish()
    assert instance.is_ready()


def test_a_component_that_cannot_start_stops_all_and_shows_its_log(make_instance: MakeInstance) -> None:
    instance = make_instance()

    instance.start(BREAK="1")
    said = instance.finish()

    assert "hub ended with code 1" in said
    assert "the reason stands here" in said
    assert instance.require_status().phase is Phase.STOPPED


def test_a_deep_state_directory_gets_a_shorter_place_for_the_socket(make_instance: MakeInstance) -> None:
    instance = make_instance("deep/" * 25)

    instance.start_and_wait()

    assert instance.layout.socket_directory.is_relative_to(tempfile.gettempdir())
    assert instance.layout.socket_directory.stat().st_mode & 0o077 == 0
    instance.end()
    assert not instance.layout.socket_directory.exists()


def test_somebody_else_than_root_can_run_it(make_instance: MakeInstance) -> None:
    # The same files and rights under another number: tests may run where an own user could not even reach Python.
    instance = make_instance(prefix=("unshare", "--user", "--map-user=1000", "--map-group=1000", "--"))
    instance.start_and_wait()

    os.kill(instance.pid("postgres"), signal.SIGKILL)
    wait_until(lambda: instance.has_restarted("postgres"))
    started = instance.processes()
    instance.signal(signal.SIGINT)
    said = instance.finish()

    assert said.endswith("stopped\n")
    assert not [identity for identity in started if identity.is_alive()]
