"""From files to images: which tool makes them, what they depend on, which commits share them."""

from dataclasses import replace

import pytest
from heliostat_builder.domain.configuration import find_configuration
from heliostat_builder.domain.failures import explain_build_failure
from heliostat_builder.domain.images import Tools, build_image_plan, build_tools_key
from heliostat_builder.domain.plans import FilesPlan
from heliostat_builder.errors import UnsupportedConfigurationError
from heliostat_builder.runtimes.docker.steps import MARK, PHASES, Outcome
from heliostat_builder.storage.caches import _plan as adapter

TOOLS = Tools(
    preferred="uv",
    platform="linux/x86_64",
    base=f"sha256:{'1' * 64}",
    python="3.11.2",
    repo2docker="2026.4.0",
    repo2docker_base="",
)
REPO2DOCKER = replace(TOOLS, preferred="repo2docker")
COMMIT, OTHER = "a" * 40, "b" * 40


def plan(files: dict[str, str], *, commit: str = COMMIT, tools: Tools = TOOLS) -> FilesPlan:
    content = {name: text.encode() for name, text in files.items()}
    directories = {name.partition("/")[0] for name in files if "/" in name}
    return build_image_plan(
        repository="https://git.example/x",
        commit=commit,
        configuration=find_configuration(directories, content),
        files=content,
        tools=tools,
    )


def shares(files: dict[str, str], *, tools: Tools = TOOLS) -> bool:
    one, two = plan(files, tools=tools), plan(files, commit=OTHER, tools=tools)
    assert one.image_id != two.image_id
    assert (one.environment_id == two.environment_id) == (one.forced_by is None)
    return one.environment_id == two.environment_id


@pytest.mark.parametrize(
    ("files", "tool"),
    [
        ({"requirements.txt": "six"}, "uv"),
        ({"README.md": ""}, "uv"),
        ({"runtime.txt": "python-3.11"}, "uv"),
        ({"setup.py": "", "postBuild": "", "start": ""}, "uv"),
        ({"apt.txt": "# nothing\n"}, "uv"),
        ({"apt.txt": "gcc"}, "repo2docker"),
        ({"runtime.txt": "python-3.9"}, "repo2docker"),
        ({"runtime.txt": "r-4.4-2026-01-01"}, "repo2docker"),
        ({"requirements.txt": "--unheard-of\nsix"}, "repo2docker"),
        ({"environment.yml": "dependencies: [numpy]"}, "repo2docker"),
        ({"Dockerfile": "FROM x", "requirements.txt": "six"}, "repo2docker"),
        ({"binder/Dockerfile": "FROM x"}, "repo2docker"),
        ({"Project.toml": "[deps]"}, "repo2docker"),
        ({"install.R": ""}, "repo2docker"),
        ({"default.nix": ""}, "repo2docker"),
        ({"Pipfile": ""}, "repo2docker"),
    ],
)
def test_every_configuration_file_has_a_tool_that_honours_it(files, tool):
    assert plan(files).image.tool == tool


@pytest.mark.parametrize(
    ("files", "forced_by"),
    [
        ({"Dockerfile": "FROM x"}, "Dockerfile"),
        ({"binder/Dockerfile": "FROM x", "Dockerfile": "FROM y"}, "binder/Dockerfile"),
        ({"postBuild": "make"}, "postBuild"),
        ({"environment.yml": "dependencies: [numpy]", "postBuild": "make"}, "postBuild"),
        ({"setup.py": ""}, "setup.py"),
        ({"apt.txt": "gcc", "setup.py": ""}, "setup.py"),
        ({"requirements.txt": "-e ."}, "requirements.txt"),
        ({"requirements.txt": "six\n--unheard-of"}, "requirements.txt"),
        ({"environment.yml": "dependencies:\n- pip:\n  - -r requirements.txt\n"}, "environment.yml"),
        ({"environment.yml": "dependencies:\n- pip:\n  - -e .\n"}, "environment.yml"),
        ({"environment.yml": "dependencies:\n- pip:\n  - ./lens\n"}, "environment.yml"),
        ({"Pipfile": '[packages]\nlens = {path = "."}\n'}, "Pipfile"),
        ({"Project.toml": 'name = "Lens"\nuuid = "1"\n'}, "Project.toml"),
        ({"Project.toml": "[deps]", "Manifest.toml": '[[deps.Lens]]\npath = "lens"\n'}, "Manifest.toml"),
        ({"install.R": "source('x.R')"}, "install.R"),
        ({"DESCRIPTION": "Package: x"}, "DESCRIPTION"),
        ({"default.nix": "import ./x"}, "default.nix"),
    ],
)
def test_what_may_read_the_repository_is_built_whole_for_each_commit(files, forced_by):
    assert plan(files).forced_by == forced_by
    assert plan(files).image.whole
    assert not shares(files)


@pytest.mark.parametrize(
    ("files", "tools"),
    [
        ({"requirements.txt": "six"}, TOOLS),
        ({"requirements.txt": "six"}, REPO2DOCKER),
        ({"requirements.txt": "-r more.txt", "more.txt": "six"}, REPO2DOCKER),
        ({"requirements.txt": "six", "start": "exec $@"}, TOOLS),
        ({"environment.yml": "name: x\ndependencies:\n- numpy\n- pip:\n  - six\n"}, TOOLS),
        ({"apt.txt": "gcc", "requirements.txt": "six"}, TOOLS),
        ({"Project.toml": '[deps]\nA = "1"', "Manifest.toml": '[[deps.A]]\nuuid = "1"\n'}, TOOLS),
        ({"Pipfile": '[packages]\nsix = "*"', "Pipfile.lock": '{"_meta": {"sources": []}}'}, TOOLS),
    ],
)
def test_commits_with_the_same_dependency_files_share_an_environment(files, tools):
    assert shares(files, tools=tools)
    assert not plan(files, tools=tools).image.whole


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ({"environment.yml": "# x\na: b\n\n"}, {"environment.yml": "a: b  \r\n"}, True),
        ({"environment.yml": "a: b"}, {"environment.yml": "a: c"}, False),
        ({"apt.txt": "gcc", "requirements.txt": "six"}, {"apt.txt": "gcc", "requirements.txt": "Six # x"}, True),
        ({"apt.txt": "gcc"}, {"apt.txt": "gcc\nmake"}, False),
        ({"apt.txt": "gcc", "start": "a"}, {"apt.txt": "gcc", "start": "b"}, False),
        ({"start": "a"}, {"binder/start": "a"}, False),
    ],
)
def test_an_environment_depends_on_what_files_mean(one, two, same):
    assert (plan(one).environment_id == plan(two).environment_id) is same


@pytest.mark.parametrize(
    "change",
    [{"base": f"sha256:{'2' * 64}"}, {"platform": "linux/aarch64"}, {"python": "3.12.1"}, {"preferred": "repo2docker"}],
)
def test_an_environment_depends_on_what_makes_it(change):
    files = {"requirements.txt": "six"}
    tools = replace(TOOLS, **change)
    assert plan(files).environment_id != plan(files, tools=tools).environment_id
    assert build_tools_key(TOOLS) != build_tools_key(tools)


@pytest.mark.parametrize(
    "files", [{"requirements.txt": "-r ../x"}, {"requirements.txt": "-r gone.txt"}, {"pyproject.toml": "="}]
)
def test_what_nobody_can_honour_is_refused(files):
    with pytest.raises(UnsupportedConfigurationError):
        plan(files)


@pytest.mark.parametrize("line", ["ADD {} /x", "add \\\n {} /x", "ONBUILD ADD `\n {} /x", 'ADD ["{}", "/x"]'])
def test_addresses_a_dockerfile_adds_from_are_known(line):
    address = "http://192.0.2.1/x.tar"
    assert plan({"Dockerfile": f"FROM x\n{line.format(address)}\n"}).urls == (address,)


def test_an_address_that_cannot_be_known_is_refused():
    with pytest.raises(UnsupportedConfigurationError):
        plan({"Dockerfile": "FROM x\nARG A=http://192.0.2.1\nADD $A/x /x\n"})


def test_a_plan_is_remembered_as_it_was():
    for files in ({"requirements.txt": "six", "start": ""}, {"Dockerfile": "FROM x"}, {"environment.yml": "a: b"}):
        made = plan(files)
        assert adapter.validate_python(adapter.dump_python(made, mode="json")) == made


@pytest.mark.parametrize("phase", [*PHASES, "unheard-of"])
def test_whatever_phase_a_script_says_it_is_in_its_failure_has_a_reason(phase):
    outcome = Outcome(container="x", status=3)
    outcome.take(f"{MARK}{phase}")
    outcome.take("no sky today")
    assert "no sky today" in outcome.explain().message


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("The command '/bin/sh -c make' returned a non-zero code: 137", "out_of_memory"),
        ("The command '/bin/sh -c make' returned a non-zero code: 2", "build_failed"),
        ("pull access denied for nothing, repository does not exist", "base_image_missing"),
        ("write /x: no space left on device", "out_of_disk"),
        ("ERROR: No matching distribution found for lens", "solve_failed"),
        ("('Connection aborted.', ConnectionRefusedError(111))", "engine_unavailable"),
    ],
)
def test_a_failure_of_repo2docker_is_told_by_its_words(line, code):
    assert explain_build_failure(["Step 1/2", line], status=1, memory=2**30).code == code
