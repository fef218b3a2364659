import subprocess
import sys

HEAVY = {"sqlalchemy", "fastapi", "starlette", "structlog", "alembic", "prometheus_client", "jupyterhub"}


def test_the_command_loads_no_server_side_library() -> None:
    """The command has to start at once, on machines that have none of these."""
    code = "import sys, heliostat_cli.main; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stdout.split())
