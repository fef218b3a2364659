"""The sandbox's command line, built from values."""

from pathlib import Path

import pytest
from heliostat_runtime import Bind, DataFile, Identity, SandboxSpec
from heliostat_runtime.sandbox import SystemLayout, build_drop_arguments, build_sandbox_options
from heliostat_runtime.sandbox_spec import build_system_files
from pydantic import ValidationError

LAYOUT = SystemLayout((Path("/usr"), Path("/lib32")), (("usr/bin", Path("/bin")),))
ROOT_SPEC = SandboxSpec(
    read_only=(Bind(source=Path("/srv/env"), destination=Path("/srv/env")),),
    writable=(Bind(source=Path("/state/home"), destination=Path("/home/jovyan")),),
    environment={"A": "b c"},
    identity=Identity(uid=200_001, gid=200_001),
    temporary_size=1000,
)


def build(spec=ROOT_SPEC, files=(), mode="root") -> list[str]:
    return build_sandbox_options(spec, files, mode=mode, layout=LAYOUT)


def find(options: list[str], *sequence: str) -> int:
    found = [i for i in range(len(options)) if tuple(options[i : i + len(sequence)]) == sequence]
    assert len(found) == 1, (sequence, options)
    return found[0]


def test_binds_are_read_only_unless_asked():
    options = build()
    find(options, "--ro-bind", "/srv/env", "/srv/env")
    find(options, "--bind", "/state/home", "/home/jovyan")
    find(options, "--symlink", "usr/bin", "/bin")
    find(options, "--ro-bind", "/lib32", "/lib32")


def test_the_environment_is_cleared_first():
    options = build()
    assert find(options, "--clearenv") < find(options, "--setenv", "A", "b c")


def test_root_keeps_what_it_needs_to_give_up_root_and_no_more():
    options = build()
    assert "--unshare-user" not in options
    added = [options[i + 1] for i, option in enumerate(options) if option == "--cap-add"]
    assert added == ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"]
    assert build_drop_arguments(Identity(uid=7, gid=8), Path("/w"))[:3] == [
        "/usr/bin/setpriv",
        "--reuid=7",
        "--regid=8",
    ]


def test_an_ordinary_user_gets_a_user_namespace():
    options = build(mode="user")
    assert "--unshare-user" in options
    assert "--cap-add" not in options
    find(options, "--chdir", "/home/jovyan")


@pytest.mark.parametrize("dies", [True, False])
def test_only_builds_die_with_their_parent(dies):
    assert ("--die-with-parent" in build(ROOT_SPEC.model_copy(update={"die_with_parent": dies}))) is dies


def test_parents_of_binds_are_passable_and_come_first():
    options = build()
    assert find(options, "--perms", "0755", "--dir", "/srv") < find(options, "--ro-bind", "/srv/env", "/srv/env")


def test_nested_binds_come_after_what_they_lie_in():
    inner = Bind(source=Path("/x"), destination=Path("/home/jovyan/shared"))
    options = build(ROOT_SPEC.model_copy(update={"read_only": (inner,)}))
    assert find(options, "--bind", "/state/home", "/home/jovyan") < find(
        options, "--ro-bind", "/x", str(inner.destination)
    )
    assert "/home/jovyan" not in [options[i + 1] for i, option in enumerate(options) if option == "--dir"]


def test_data_files_are_read_from_descriptors():
    file = DataFile(destination=Path("/run/heliostat/entry.py"), content=b"x", mode=0o555)
    find(build(files=[(file, 9)]), "--perms", "0555", "--ro-bind-data", "9", "/run/heliostat/entry.py")


def test_temporary_file_systems_are_bounded():
    options = build()
    for place in ("/tmp", "/dev/shm"):
        find(options, "--perms", "1777", "--size", "1000", "--tmpfs", place)


def test_the_root_is_read_only_after_everything_is_there():
    options = build()
    assert find(options, "--remount-ro", "/") > max(i for i, option in enumerate(options) if option == "--ro-bind")


@pytest.mark.parametrize("name", ["LD_PRELOAD", "LD_LIBRARY_PATH", "GCONV_PATH"])
def test_variables_that_the_loader_obeys_are_refused(name):
    with pytest.raises(ValidationError, match="more rights"):
        SandboxSpec(environment={name: "/home/jovyan/x.so"})


def test_the_sandbox_knows_one_user():
    files = {file.destination.name: file.content.decode() for file in build_system_files(ROOT_SPEC, uid=7, gid=8)}
    assert "jovyan:x:7:8::/home/jovyan:/bin/bash\n" in files["passwd"]
    assert "PATH" not in files["profile"]
