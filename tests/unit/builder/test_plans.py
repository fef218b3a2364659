"""From files to identities, refusals and warnings."""

from time import perf_counter

import pytest
from heliostat_builder.domain.configuration import find_configuration, refuse_foreign
from heliostat_builder.domain.identity import Interpreter, build_environment_id
from heliostat_builder.domain.plans import FilesPlan, Host, build_files_plan
from heliostat_builder.errors import UnsupportedConfigurationError

PYTHONS = (
    Interpreter(path="/usr/bin/python3.11", version="3.11.7", platform="cpython-311 linux-x86_64"),
    Interpreter(path="/usr/bin/python3.12", version="3.12.1", platform="cpython-312 linux-x86_64"),
)
HOST = Host(interpreters=PYTHONS, isolated=True)
COMMIT, OTHER = "a" * 40, "b" * 40
EXPECTED = "d30941f0f3c5cd822d5aee7a53d60d2ffc917eb3550b0d4b046fa09c32e1335e"


def plan(files: dict[str, str], *, commit: str = COMMIT, host: Host = HOST) -> FilesPlan:
    content = {name: text.encode() for name, text in files.items()}
    directories = {name.partition("/")[0] for name in files if "/" in name}
    configuration = find_configuration(directories, content)
    refuse_foreign(configuration)
    return build_files_plan(
        repository="https://git.example/x", commit=commit, configuration=configuration, files=content, host=host
    )


def test_commits_with_the_same_dependencies_share_an_environment():
    one, two = plan({"requirements.txt": "six"}), plan({"requirements.txt": "# x\nsix"}, commit=OTHER)
    assert one.environment_id == two.environment_id
    assert len(one.environment_id) == 64
    assert one.content_id != two.content_id
    assert one.image_id != two.image_id


@pytest.mark.parametrize(
    ("files", "forced_by"),
    [
        ({"setup.py": ""}, "setup.py"),
        ({"pyproject.toml": "[build-system]\nrequires=[]"}, "pyproject.toml"),
        ({"pyproject.toml": "[project]\nname='x'\ndynamic=['dependencies']"}, "pyproject.toml"),
        ({"requirements.txt": "-e ."}, "requirements.txt"),
        ({"binder/postBuild": ""}, "binder/postBuild"),
    ],
)
def test_code_of_the_repository_ties_the_environment_to_the_commit(files, forced_by):
    one, two = plan(files), plan(files, commit=OTHER)
    assert one.forced_by == forced_by
    assert one.environment_id != two.environment_id


@pytest.mark.parametrize("text", ["[project]\n" + "a." * 100_000 + "a=1", "a=" + "[" * 3000])
def test_a_pyproject_made_to_be_slow_is_refused_at_once(text):
    begun = perf_counter()
    with pytest.raises(UnsupportedConfigurationError):
        plan({"pyproject.toml": text})
    assert perf_counter() - begun < 1


def test_what_postbuild_writes_belongs_to_the_content():
    one, two = plan({"postBuild": ""}), plan({"readme.md": ""})
    assert one.content_id != two.content_id


def test_another_python_is_another_environment():
    assert plan({"runtime.txt": "python-3.12"}).environment_id != plan({}).environment_id
    assert plan({"runtime.txt": "python-3.11"}).environment_id == plan({}).environment_id


def test_a_patch_release_of_python_is_not():
    newer = Interpreter(path="/opt/python", version="3.11.9", platform=PYTHONS[0].platform)
    assert plan({}, host=Host(interpreters=(newer,), isolated=True)).environment_id == plan({}).environment_id


def test_a_start_script_belongs_to_the_environment():
    assert plan({"start": "one"}).environment_id != plan({"start": "two"}).environment_id
    assert plan({"start": "one"}).forced_by is None


def test_bare_dependencies_of_a_project_are_installed_without_it():
    found = plan({"pyproject.toml": "[project]\nname='x'\ndependencies=['Six >=1']"})
    assert found.inputs.requirements == ("six>=1",)
    assert not found.inputs.project
    assert "itself is not" in found.warnings[0]


def test_settings_of_tools_are_no_project():
    assert plan({"pyproject.toml": "[tool.ruff]\nline-length=1"}).environment_id == plan({}).environment_id


@pytest.mark.parametrize("directory", ["binder", ".binder"])
def test_the_special_directory_replaces_the_root(directory):
    found = plan(
        {f"{directory}/requirements.txt": "six", "requirements.txt": "numpy", "Dockerfile": "", "setup.py": ""}
    )
    assert found.inputs.requirements == ("six",)
    assert found.config_files == (f"{directory}/requirements.txt",)


@pytest.mark.parametrize(
    ("files", "file", "runtime"),
    [
        ({"Dockerfile": "", "environment.yml": ""}, "Dockerfile", "docker"),
        ({"environment.yml": "", "requirements.txt": ""}, "environment.yml", "docker"),
        ({"binder/environment.yml": ""}, "binder/environment.yml", "docker"),
        ({"Pipfile": ""}, "Pipfile", "docker"),
        ({"Project.toml": ""}, "Project.toml", "docker"),
        ({"install.R": ""}, "install.R", "docker"),
        ({"default.nix": ""}, "default.nix", "docker"),
        ({"apt.txt": "# none\nffmpeg"}, "apt.txt", "docker"),
        ({"runtime.txt": "r-4.1-2022-01-01"}, "runtime.txt", "docker"),
        ({"runtime.txt": "python-3.9"}, "runtime.txt", "docker"),
        ({"runtime.txt": "three"}, "runtime.txt", None),
        ({"pyproject.toml": "["}, "pyproject.toml", None),
        ({"binder/requirements.txt": "", ".binder/requirements.txt": ""}, "binder", None),
    ],
)
def test_what_this_runtime_cannot_do_is_refused_by_file(files, file, runtime):
    with pytest.raises(UnsupportedConfigurationError) as refused:
        plan(files)
    assert (refused.value.details["file"], refused.value.details["runtime"]) == (file, runtime)
    assert refused.value.remedy


def test_a_missing_python_is_refused_with_those_that_are_there():
    with pytest.raises(UnsupportedConfigurationError, match=r"no Python 3\.9") as refused:
        plan({"runtime.txt": "python-3.9"})
    assert "python-3.11, python-3.12" in str(refused.value.remedy)


def test_a_list_of_system_packages_without_any_is_ignored():
    assert plan({"apt.txt": "# nothing\n"}).environment_id == plan({}).environment_id


def test_code_of_repositories_is_not_run_where_it_cannot_be_isolated():
    with pytest.raises(UnsupportedConfigurationError, match="isolate"):
        plan({"postBuild": ""}, host=Host(interpreters=PYTHONS, isolated=False))


def test_warnings_say_what_is_left_out():
    found = plan({".gitmodules": "", ".gitattributes": "*.bin filter=lfs"})
    assert [warning.split()[0] for warning in found.warnings] == ["No", "Submodules", "Files"]


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("six", False),
        ("x @ https://example.org/x-1-py3-none-any.whl#sha256=aa", False),
        ("x @ https://example.org/x-1.tar.gz", True),
        ("git+https://example.org/x", True),
        ("-e git+https://example.org/x", True),
        ("--index-url https://example.org/simple", False),
    ],
)
def test_addresses_of_sources_are_told_from_wheels(line, source):
    assert plan({"requirements.txt": line}).inputs.names_sources is source


def test_identities_do_not_change_by_accident():
    """The same inputs have had this id from the first release on; a change rebuilds everybody's environments."""
    assert build_environment_id(plan({"requirements.txt": "six==1.17"}).inputs) == EXPECTED
