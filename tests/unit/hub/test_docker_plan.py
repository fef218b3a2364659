"""What a server's container is created with."""

from heliostat_core.contracts.policy import Rules
from heliostat_hub.docker_plan import (
    PLATFORM,
    build_host_options,
    build_platform_variables,
    build_server_command,
)

from tests.unit.hub.verdicts import build_verdict

OURS = {"heliostat.base": "/opt/heliostat/base"}


def build_rules(**changes: object) -> Rules:
    return build_verdict().rules.model_copy(update=changes)


def test_an_image_of_ours_runs_its_own_server_and_others_theirs() -> None:
    assert build_server_command(OURS)[:2] == ["/opt/heliostat/base/bin/python", "-I"]
    for labels in ({}, {"heliostat.base": ""}):
        command = build_server_command(labels, origins=["https://docs.example"])
        assert command[0] == "jupyterhub-singleuser"
        assert any("allow_origin_pat" in part for part in command)


def test_an_image_that_is_not_ours_finds_the_extension_beside_what_it_has() -> None:
    assert build_platform_variables(OURS, {"PYTHONPATH": "/own"}) == {}
    assert build_platform_variables({}, {"PYTHONPATH": "/own"}) == {
        "PYTHONPATH": f"{PLATFORM}/site:/own",
        "JUPYTER_CONFIG_PATH": f"{PLATFORM}/etc/jupyter",
    }


def test_a_server_has_no_rights_no_swap_and_nothing_to_write_to_but_memory_and_its_home() -> None:
    options = build_host_options(build_rules(memory=1000), writable_image=False)
    assert options["cap_drop"] == ["ALL"]
    assert options["security_opt"] == ["no-new-privileges"]
    assert options["memswap_limit"] == 1000
    assert options["read_only"]
    sizes = [int(mount.rpartition("size=")[2]) for mount in options["tmpfs"].values()]
    assert sum(sizes) < 1000
    assert not build_host_options(build_rules(), writable_image=True)["read_only"]


def test_a_server_cannot_fill_the_hosts_disk_with_what_it_prints() -> None:
    assert build_host_options(build_rules(), writable_image=False)["log_config"]["config"]["max-size"] == "1m"
