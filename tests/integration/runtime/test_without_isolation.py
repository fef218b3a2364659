"""Where bubblewrap does not work, servers still start, in plain processes, and the API can say so."""

import os
import shutil
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from heliostat_runtime import ContentStore, Enforcement, Servers, VolumeStore

SYSTEM_PYTHON = Path("/usr/bin/python3")


@pytest.fixture
def capabilities(capabilities):
    reason = "Servers are ordinary processes, because bubblewrap does not work here."
    isolation = Enforcement(resource="isolation", enforced=False, method="none", reason=reason)
    return capabilities.model_copy(
        update={"bwrap": None, "isolation": isolation, "own_uids": os.getuid() == 0, "storage_backend": "directory"}
    )


@pytest.fixture
def state():
    """A directory that other users can reach, as pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="heliostat-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def environment(state) -> Path:
    if not SYSTEM_PYTHON.exists():
        pytest.skip("needs a python that every user can reach")
    subprocess.run([SYSTEM_PYTHON, "-m", "venv", "--without-pip", state / "environment"], check=True)
    return state / "environment"


async def test_the_server_runs_as_its_own_user_with_its_files(run_inside, volume, state, tmp_path):
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "notebook.ipynb").write_text("{}")
    (checkout / "escape").symlink_to("/tmp")
    archive = await ContentStore(state).ensure("abc", checkout)
    outcome = await run_inside("import os; print(os.getuid(), sorted(os.listdir())[1:], os.getcwd())", contents=archive)
    home = state / "volumes" / volume.volume_id / "home"
    assert outcome.output == f"{volume.uid} ['escape', 'notebook.ipynb'] {home}\n"


async def test_one_server_cannot_read_the_home_of_another(run_inside, volumes):
    if os.getuid() != 0:
        pytest.skip("needs root: all servers run as the same user here")
    other = await volumes.ensure("bob", "work", 2**20)
    async with volumes.lease(other.volume_id) as lease:
        home = await volumes.attach(lease)
    outcome = await run_inside(f"import os; os.listdir({str(home)!r})")
    assert "Permission denied" in outcome.output


async def test_starting_says_that_it_is_not_isolated(servers, specify):
    server = await servers.start(specify("import time; time.sleep(60)"))
    assert not server.enforcement[0].enforced
    assert "bubblewrap" in server.enforcement[0].reason
    await server.stop(grace=timedelta(seconds=5))


async def test_a_server_is_adopted_and_stopped_with_its_children(state, capabilities, servers, specify):
    program = (
        "import subprocess, time; subprocess.Popen(['/bin/sleep', '1000']); print('up', flush=True); time.sleep(60)"
    )
    await servers.start(specify(program))
    volumes = VolumeStore(state, capabilities)
    volume = await volumes.find("alice", "work")
    server = await Servers(state, capabilities, volumes).adopt(volume.volume_id)
    await server.stop(grace=timedelta(0))
    assert not await volumes.is_leased(volume.volume_id)
