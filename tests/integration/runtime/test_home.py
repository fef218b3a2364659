"""What a server finds in its home: the repository's files, and an environment it can install into."""

import asyncio
import os
import zipfile
from pathlib import Path

import pytest
from heliostat_runtime import Bind, ContentStore

LAYER = "/home/jovyan/.local/share/heliostat/env"


@pytest.fixture
async def archive(state, tmp_path) -> Path:
    checkout = tmp_path / "checkout"
    (checkout / "data").mkdir(parents=True)
    (checkout / ".git").mkdir()
    (checkout / ".git" / "config").write_text("secret")
    (checkout / "notebook.ipynb").write_text("{}")
    (checkout / "data" / "points.csv").write_text("1,2")
    (checkout / "run.sh").write_text("#!/bin/sh")
    (checkout / "run.sh").chmod(0o755)
    (checkout / "link").symlink_to("data/points.csv")
    (checkout / "outside").symlink_to("/etc")
    contents = ContentStore(state)
    path = await contents.ensure("abc", checkout)
    assert await contents.ensure("abc", checkout) == path
    return path


@pytest.fixture
def wheel(tmp_path) -> Path:
    directory = tmp_path / "wheels"
    directory.mkdir()
    path = directory / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("demo.py", "def main(): print('installed by the user')\n")
        info = "demo-1.0.dist-info"
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/entry_points.txt", "[console_scripts]\ndemo = demo:main\n")
        file.writestr(f"{info}/RECORD", "")
    return path


async def test_the_repository_is_unpacked_at_the_first_start_only(run_inside, archive, volumes, volume):
    show = (
        "import os; print(sorted(n for n in os.listdir() if n[0] != '.'), open('link').read(), os.access('run.sh', 1))"
    )
    first = await run_inside(show, contents=archive)
    assert first.output == "['data', 'link', 'notebook.ipynb', 'outside', 'run.sh'] 1,2 True\n"
    assert (await volumes.read(volume.volume_id)).populated
    await run_inside("import os; os.unlink('notebook.ipynb')")
    again = await run_inside("import os; print(os.path.exists('notebook.ipynb'))", contents=archive)
    assert again.output == "False\n"


async def test_the_users_files_are_never_replaced(run_inside, archive):
    await run_inside("import os; os.mkdir('data'); open('data/points.csv', 'w').write('mine'); os.symlink('data', 'x')")
    outcome = await run_inside("print(open('data/points.csv').read())", contents=archive)
    assert outcome.output == "mine\n"


async def test_the_environment_is_importable_through_a_valid_layer(run_inside, capabilities):
    program = (
        "import subprocess\n"
        "code = 'import sys, pinned; print(sys.prefix, sys.prefix != sys.base_prefix, pinned.VALUE)'\n"
        "subprocess.run(['python', '-c', code])"
    )
    outcome = await run_inside(program)
    prefix = LAYER if capabilities.isolation.enforced else outcome.output.split()[0]
    assert outcome.output == f"{prefix} True from the environment\n"


async def test_what_pip_installs_persists_and_wins(run_inside, wheel, capabilities):
    source = "/tmp/wheels" if capabilities.isolation.enforced else str(wheel.parent)
    binds = (Bind(source=wheel.parent, destination=Path(source)),)
    install = (
        "import subprocess\n"
        f"done = subprocess.run(['pip', 'install', '-q', '--no-index', '{source}/{wheel.name}'],"
        " capture_output=True, text=True)\nprint(done.returncode, done.stderr)"
    )
    outcome = await run_inside(install, read_only=binds)
    assert outcome.output.startswith("0 "), outcome.output
    use = "import subprocess; print(subprocess.run(['demo'], capture_output=True, text=True).stdout.strip())\n"
    listed = "print('demo' in subprocess.run(['pip', 'list'], capture_output=True, text=True).stdout)"
    outcome = await run_inside(use + listed)
    assert outcome.output == "installed by the user\nTrue\n"


async def test_the_kernel_is_the_layers_python(run_inside):
    program = (
        "import os, json\n"
        "first = os.environ['JUPYTER_PATH'].split(':')[0]\n"
        "spec = json.load(open(first + '/kernels/python3/kernel.json'))\n"
        "print(spec['display_name'], spec['argv'][0] == os.environ['VIRTUAL_ENV'] + '/bin/python')"
    )
    outcome = await run_inside(program, kernel_display_name="Python 3 (demo)")
    assert outcome.output == "Python 3 (demo) True\n"


async def test_the_start_script_wraps_the_server(run_inside, tmp_path):
    script = tmp_path / "start"
    script.write_text('#!/bin/bash\nexport GREETING=hello\nexec "$@"\n')
    script.chmod(0o755)
    outcome = await run_inside("import os; print(os.environ['GREETING'])", start_script=script)
    assert outcome.output == "hello\n"


async def test_the_layer_is_refreshed_when_the_user_broke_it(run_inside):
    await run_inside("import os; open(os.environ['VIRTUAL_ENV'] + '/pyvenv.cfg', 'w').write('broken')")
    outcome = await run_inside(
        "import subprocess; subprocess.run(['python', '-c', 'import pinned; print(pinned.VALUE)'])"
    )
    assert outcome.output == "from the environment\n"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: the archive is private to root then")
async def test_the_archive_itself_is_private(archive):
    status = await asyncio.to_thread(archive.stat)
    assert status.st_mode & 0o077 == 0
