"""Ports for servers."""

import secrets
import socket

import pytest
from heliostat_hub import ports


def test_a_port_somebody_listens_on_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken, socket.socket() as free:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
        free.close()
        choices = iter([taken.getsockname()[1], number])
        monkeypatch.setattr(secrets, "choice", lambda _: next(choices))
        assert ports.find_free_port() == number


def test_no_port_is_one_of_outgoing_connections() -> None:
    assert ports.find_free_port() in ports.RANGE
    assert max(ports.RANGE) < 32_768  # where Linux begins by default
