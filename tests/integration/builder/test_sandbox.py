"""What code of a repository may do while it is built: its own work, and nothing else."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from heliostat_builder.services.logs import MAX_SIZE

from tests.integration.builder.conftest import build, follow


def run_python(state: Path, environment_id: str, code: str) -> str:
    python = state / "environments" / environment_id / "bin" / "python"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def read_member(state: Path, content_id: str, name: str) -> str:
    with tarfile.open(state / "contents" / f"{content_id}.tar") as archive:
        member = archive.extractfile(name)
        assert member is not None
        return member.read().decode()


@pytest.fixture
def source_only(wheels: Path) -> str:
    """A package that has no wheel and is built by a backend it brings itself, so that no index is needed."""
    files = {
        "pyproject.toml": "[build-system]\nrequires=[]\nbuild-backend='backend'\nbackend-path=['.']\n"
        "[project]\nname='rawlens'\nversion='1.0'\n",
        "backend.py": BACKEND.replace("NAME", "rawlens"),
        "PKG-INFO": "Metadata-Version: 2.1\nName: rawlens\nVersion: 1.0\n",
    }
    with tarfile.open(wheels / "rawlens-1.0.tar.gz", "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"rawlens-1.0/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    return "rawlens"


BACKEND = """
import os, zipfile
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = 'NAME-1.0-py3-none-any.whl'
    seen = {key: os.path.lexists(path) for key, path in PLACES.items()}
    with zipfile.ZipFile(os.path.join(directory, name), 'w') as f:
        f.writestr('NAME.py', f'SEEN = {seen!r}\\nENVIRONMENT = {dict(os.environ)!r}\\nUID = {os.getuid()}\\n')
        f.writestr('NAME-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: NAME\\nVersion: 1.0\\n')
        f.writestr('NAME-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
        f.writestr('NAME-1.0.dist-info/RECORD', '')
    return name
PLACES = {'cache of others': '/cache/../staging', 'users': '/etc/shadow'}
"""


async def test_a_package_without_a_wheel_is_built_in_the_closed_sandbox(
    replica, git, ada, state, settings, source_only
):
    repository = git.create("ada/raw")
    commit = repository.commit({"requirements.txt": f"{source_only}\nlens"})
    secret = {**settings["build_environment"], "CORP_TOKEN": "opensesame"}
    async with replica(build_environment=secret) as builder:
        built = await build(builder, ada, repository.url, commit)
        assert built["state"] == "succeeded", built["failure"]
    code = "import rawlens, lens; print(rawlens.SEEN, 'CORP_TOKEN' in rawlens.ENVIRONMENT, rawlens.UID != 0)"
    seen = run_python(state, built["plan"]["environment_id"], code)
    assert seen == "{'cache of others': False, 'users': False} False True"


async def test_a_requirement_from_git_is_built_in_the_closed_sandbox(builder, git, ada, state):
    library = git.create("ada/library")
    system = "[build-system]\nrequires=[]\nbuild-backend='backend'\nbackend-path=['.']\n"
    files = {"pyproject.toml": f"{system}[project]\nname='gitlens'\nversion='1.0'\n"}
    library.commit({**files, "backend.py": BACKEND.replace("NAME", "gitlens")})
    repository = git.create("ada/user")
    repository.commit({"requirements.txt": f"gitlens @ git+{library.url}"})
    built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built["failure"]
    assert run_python(state, built["plan"]["environment_id"], "import gitlens; print(gitlens.UID != 0)") == "True"


async def test_a_project_is_installed_itself(builder, git, ada, state):
    repository = git.create("ada/project")
    system = "[build-system]\nrequires=[]\nbuild-backend='backend'\nbackend-path=['.']\n"
    project = f"{system}[project]\nname='mine'\nversion='1.0'\n"
    repository.commit({"pyproject.toml": project, "backend.py": BACKEND.replace("NAME", "mine")})
    built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built["failure"]
    assert built["plan"]["forced_by"] == "pyproject.toml"
    assert run_python(state, built["plan"]["environment_id"], "import mine; print(mine.UID != 0)") == "True"


async def test_postbuild_installs_and_writes_files_and_start_is_kept(builder, git, ada, state, wheels):
    repository = git.create("ada/post")
    script = f"#!/bin/bash\nset -e\npip install --no-index --find-links {wheels} lens==1.0\necho made > made.txt\n"
    repository.commit({"binder/postBuild": script, "binder/start": '#!/bin/sh\nexec "$@"\n', "a.txt": "a"})
    built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built["failure"]
    plan = built["plan"]
    assert run_python(state, plan["environment_id"], "import lens; print(lens.VERSION)") == "1.0"
    assert read_member(state, plan["content_id"], "made.txt") == "made\n"
    kept = state / "environments" / plan["environment_id"] / "heliostat-start"
    assert kept.read_text() == '#!/bin/sh\nexec "$@"\n'


async def test_a_failing_postbuild_fails_the_build_with_its_last_words(builder, git, ada):
    repository = git.create("ada/post")
    repository.commit({"postBuild": "echo https://bob:pw1234@x.example/ >&2\necho it went wrong\nexit 3\n"})
    built = await build(builder, ada, repository.url)
    assert built["failure"]["code"] == "postbuild_failed"
    assert "it went wrong" in built["failure"]["message"]
    lines, _ = await follow(builder, built["id"], ada)
    assert "https://***@x.example/" in [line["text"] for line in lines]


HOSTILE = {
    "interpreter": 'ln -sf /etc/passwd "$VIRTUAL_ENV/bin/python"',
    "settings": 'echo "home = /root" > "$VIRTUAL_ENV/pyvenv.cfg"',
    "pipe": 'rm "$VIRTUAL_ENV/pyvenv.cfg"; mkfifo "$VIRTUAL_ENV/pyvenv.cfg" "$VIRTUAL_ENV/bin/python9"',
    "removal": 'rm -r "$VIRTUAL_ENV/lib" "$VIRTUAL_ENV/pyvenv.cfg"',
    "directory": 'mv "$VIRTUAL_ENV/lib" "$VIRTUAL_ENV/x"; ln -s /etc "$VIRTUAL_ENV/lib"',
}


@pytest.mark.parametrize("attack", HOSTILE)
async def test_an_environment_cannot_name_other_places_of_the_host(builder, git, ada, state, attack):
    repository = git.create("ada/hostile")
    repository.commit({"postBuild": HOSTILE[attack]})
    built = await build(builder, ada, repository.url)
    assert built["failure"]["code"] == "environment_damaged", built
    assert not (state / "environments" / built["plan"]["environment_id"]).exists()


async def test_a_program_may_be_named_after_python(builder, git, ada):
    repository = git.create("ada/argcomplete")
    repository.commit({"postBuild": 'echo >"$VIRTUAL_ENV/bin/python-argcomplete-check-easy-install-script"'})
    built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built["failure"]


async def test_output_without_end_is_left_out(builder, git, ada):
    repository = git.create("ada/loud")
    repository.commit({"postBuild": "yes $(printf %03900d 0) | head -n 3000\n"})
    built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built["failure"]
    lines, _ = await follow(builder, built["id"], ada)
    texts = [line["text"] for line in lines]
    assert sum("left out" in text for text in texts) == 1
    assert sum(map(len, texts)) < 1.1 * MAX_SIZE


async def test_files_that_take_more_room_than_there_is_are_not_archived(builder, git, ada):
    repository = git.create("ada/sparse")
    repository.commit({"postBuild": "for n in 1 2 3; do truncate -s 15T $n; done"})
    built = await build(builder, ada, repository.url)
    assert built["failure"]["code"] == "contents_not_archivable", built


async def test_links_in_place_of_our_files_lead_nowhere(builder, git, ada, state):
    target = state / "precious"
    target.write_text("precious")
    repository = git.create("ada/hostile")
    attack = f'ln -s {target} "$VIRTUAL_ENV/heliostat-start"; ln -s {target} "$VIRTUAL_ENV/heliostat.json"'
    repository.commit({"postBuild": attack, "start": "mine"})
    built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built["failure"]
    assert target.read_text() == "precious"
    assert (state / "environments" / built["plan"]["environment_id"] / "heliostat-start").read_text() == "mine"


async def test_the_platforms_files_and_other_builds_are_out_of_sight(builder, git, ada, state):
    repository = git.create("ada/curious")
    script = f"ls -d {state}/staging {state}/repositories {state}/contents 2>&1; env; ls /proc | grep -c '^[0-9]'\n"
    repository.commit({"postBuild": script})
    built = await build(builder, ada, repository.url)
    lines = [line["text"] for line in (await follow(builder, built["id"], ada))[0] if line["phase"] == "postbuild"]
    assert sum("No such file" in line for line in lines) == 3
    assert not any("HELIOSTAT" in line or "token" in line.lower() for line in lines)
    count = next(int(line) for line in reversed(lines) if line.isdigit())
    assert count < 10
