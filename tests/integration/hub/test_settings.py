"""A hub that cannot be what its settings ask for does not start, and says why."""

import subprocess
import sys
from pathlib import Path

from tests.integration.hub.stack import CHECKOUT, Peers, Stack


def test_a_hub_without_a_needed_setting_names_it_and_ends(tmp_path: Path) -> None:
    settings = {"SIGN_IN": "ldap", "LDAP_DOMAIN": "ad.example.test"}
    stack = Stack(state=tmp_path / "state", base_environment=tmp_path, peers=Peers(), settings=settings)
    result = subprocess.run(
        [sys.executable, "-m", "jupyterhub", "--config", str(CHECKOUT / "deploy/jupyterhub/jupyterhub_config.py")],
        env=stack._environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.endswith("the hub's settings cannot be used\n  HELIOSTAT_HUB_LDAP_SERVERS: Field required\n")
