"""What an environment's python needs besides the environment."""

from pathlib import Path

import pytest
from heliostat_runtime import EnvironmentMissingError, interpreter_prefixes
from heliostat_runtime.interpreters import read_environment


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    interpreter = tmp_path / "pythons" / "3.11.9" / "bin" / "python3.11"
    interpreter.parent.mkdir(parents=True)
    interpreter.touch()
    (tmp_path / "pythons" / "3.11").symlink_to("3.11.9")
    path = tmp_path / "environment"
    (path / "bin").mkdir(parents=True)
    (path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (path / "bin" / "python").symlink_to(tmp_path / "pythons" / "3.11" / "bin" / "python3.11")
    (path / "pyvenv.cfg").write_text(f"home = {tmp_path / 'pythons' / '3.11' / 'bin'}\n")
    return path


def test_the_prefix_is_found_under_both_its_names(environment, tmp_path):
    assert set(interpreter_prefixes(environment)) == {tmp_path / "pythons" / "3.11", tmp_path / "pythons" / "3.11.9"}


def test_the_systems_python_needs_nothing_more(environment):
    (environment / "bin" / "python").unlink()
    (environment / "bin" / "python").symlink_to("/usr/bin/python3.11")
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\n")
    assert interpreter_prefixes(environment) == ()


def test_pip_of_the_interpreter_stands_in(environment, tmp_path):
    bundled = tmp_path / "pythons" / "3.11.9" / "lib" / "python3.11" / "ensurepip" / "_bundled"
    bundled.mkdir(parents=True)
    (bundled / "pip-24.0-py3-none-any.whl").touch()
    found = read_environment(environment)
    assert found.version == "3.11"
    assert found.pip_wheel.name == "pip-24.0-py3-none-any.whl"
    (found.site_packages / "pip").mkdir()
    assert read_environment(environment).pip_wheel is None


def test_a_directory_that_is_no_environment_is_refused(tmp_path):
    with pytest.raises(EnvironmentMissingError):
        read_environment(tmp_path)
    with pytest.raises(EnvironmentMissingError):
        interpreter_prefixes(tmp_path)
