import json
import socket
from pathlib import Path

from heliostat_local.ports import INNER_SERVICES, choose_ports, ensure_ports, is_free


def test_every_service_gets_a_port_of_its_own(tmp_path: Path) -> None:
    ports = ensure_ports(tmp_path / "ports.json")

    assert set(ports) == set(INNER_SERVICES)
    assert len(set(ports.values())) == len(ports)


def test_recorded_ports_are_kept(tmp_path: Path) -> None:
    first = ensure_ports(tmp_path / "ports.json")

    assert ensure_ports(tmp_path / "ports.json") == first
    assert json.loads((tmp_path / "ports.json").read_text()) == first


def test_a_port_that_somebody_took_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]

        assert not is_free("127.0.0.1", taken)
        assert choose_ports({"hub": taken}, reserved=[])["hub"] != taken


def test_the_public_port_is_never_an_inner_one() -> None:
    recorded = choose_ports({}, reserved=[])

    chosen = choose_ports(recorded, reserved=[recorded["hub"]])

    assert chosen["hub"] != recorded["hub"]
    assert chosen["policy"] == recorded["policy"]
