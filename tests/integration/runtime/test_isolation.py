"""A server is its own world: its home, the environment, and nothing else of the host."""

import json
import os

import pytest


@pytest.fixture(autouse=True)
def _isolated(capabilities, require):
    require(capabilities.isolation)


async def test_other_homes_and_the_platform_are_out_of_sight(run_inside, volumes, state):
    other = await volumes.ensure("bob", "work", 32 * 2**20)
    (state / "credentials.json").write_text("{}")
    outcome = await run_inside(
        "import os, json\n"
        f"paths = [{str(state)!r}, {str(state / 'volumes' / other.volume_id)!r}, '/work', '/sys', '/var', '/opt']\n"
        "print(json.dumps([os.path.exists(p) for p in paths] + [sorted(os.listdir('/home'))]))"
    )
    assert json.loads(outcome.output) == [False] * 6 + [["jovyan"]]


async def test_host_processes_are_out_of_sight(run_inside):
    outcome = await run_inside("import os; print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))")
    assert json.loads(outcome.output) == [1, 2]


async def test_the_command_line_of_the_sandbox_shows_nothing(run_inside, state):
    outcome = await run_inside("print(open('/proc/1/cmdline').read())", environment_variables={"TOKEN": "s3cret"})
    assert str(state) not in outcome.output
    assert "s3cret" not in outcome.output


async def test_the_environment_is_clean(run_inside, monkeypatch):
    monkeypatch.setenv("PLATFORM_SECRET", "s3cret")
    outcome = await run_inside(
        "import os, json; print(json.dumps(dict(os.environ)))", environment_variables={"TOKEN": "mine", "HOME": "/x"}
    )
    seen = json.loads(outcome.output)
    assert "PLATFORM_SECRET" not in seen
    assert (seen["TOKEN"], seen["HOME"], seen["USER"]) == ("mine", "/home/jovyan", "jovyan")


async def test_the_environment_cannot_be_written(run_inside, environment):
    outcome = await run_inside(f"open({str(environment / 'x')!r}, 'w')")
    assert "Read-only file system" in outcome.output
    assert not (environment / "x").exists()


async def test_only_the_usual_places_can_be_written(run_inside):
    program = (
        "import os\n"
        "def writable(path):\n"
        "    try: open(path + '/probe', 'w').close()\n"
        "    except OSError: return False\n"
        "    return True\n"
        "print([p for p in ('/', '/etc', '/usr', '/run', '/home', '/tmp', '/dev/shm', '/home/jovyan') if writable(p)])"
    )
    assert (await run_inside(program)).output.strip() == "['/tmp', '/dev/shm', '/home/jovyan']"


async def test_nothing_of_root_is_left(run_inside, volume):
    outcome = await run_inside("import os; print(os.getuid()); print(open('/proc/self/status').read())")
    lines = dict(line.split(":\t", 1) for line in outcome.output.splitlines() if ":\t" in line)
    assert outcome.output.splitlines()[0] == str(volume.uid)
    assert lines["Uid"].split() == [str(volume.uid)] * 4
    assert {lines[name].strip("0") for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {""}
    assert lines["NoNewPrivs"].strip() == "1"
    if os.getuid() == 0:
        assert lines["CapBnd"].strip("0") == ""


async def test_no_descriptor_of_the_host_is_inherited(run_inside):
    outcome = await run_inside(
        "import os; print([os.readlink(f'/proc/self/fd/{n}') for n in (0, 1, 2)], end='')\n"
        "print(len(os.listdir('/proc/self/fd')))"
    )
    assert outcome.output.rstrip().endswith("]4")  # the fourth is the listing's own


async def test_terminals_work(run_inside):
    program = (
        "import pty, os; pid, fd = pty.fork()\nif pid == 0: os.execv('/bin/bash', ['bash', '-lc', 'echo $PATH'])\n"
    )
    outcome = await run_inside(program + "print(os.read(fd, 1000).decode()); os.waitpid(pid, 0)")
    assert outcome.output.startswith("/home/jovyan/.local/share/heliostat/env/bin:")
