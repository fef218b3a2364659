"""What a server is started with."""

from pathlib import Path

import pytest
from heliostat_runtime import ServerSpec, VolumeId, instance_name
from heliostat_runtime.server_plan import build_environment
from pydantic import ValidationError

HOME = Path("/home/jovyan")
SPEC = ServerSpec(
    volume_id=VolumeId("v"),
    environment=Path("/envs/e"),
    base_environment=Path("/base"),
    command=("/base/bin/jupyterhub-singleuser",),
    environment_variables={
        "JUPYTERHUB_API_TOKEN": "t",
        "LANG": "de_DE.UTF-8",
        "PATH": "/hub/bin",
        "VIRTUAL_ENV": "/hub",
    },
)


def test_the_layer_comes_first_then_the_environment_and_never_the_hub():
    layer = "/home/jovyan/.local/share/heliostat/env"
    built = build_environment(SPEC, home=HOME)
    assert built["PATH"].split(":") == [f"{layer}/bin", "/envs/e/bin", "/usr/local/bin", "/usr/bin", "/bin"]
    assert built["VIRTUAL_ENV"] == layer
    assert built["JUPYTER_PATH"].split(":") == [f"{layer}/share/jupyter", "/envs/e/share/jupyter"]


def test_the_callers_variables_are_added():
    built = build_environment(SPEC, home=HOME)
    assert (built["JUPYTERHUB_API_TOKEN"], built["LANG"], built["HOME"]) == ("t", "de_DE.UTF-8", "/home/jovyan")


def test_a_server_without_a_command_is_refused():
    with pytest.raises(ValidationError):
        ServerSpec(**{**SPEC.model_dump(), "command": ()})


def test_two_instances_have_two_names(tmp_path):
    assert instance_name(tmp_path / "a") != instance_name(tmp_path / "b")
    assert instance_name(tmp_path / "a") == instance_name(tmp_path / "x" / ".." / "a")
