import json
import stat
from pathlib import Path

from heliostat_local.config import LocalConfig
from heliostat_local.layout import StateLayout
from heliostat_local.secret_files import SecretFiles, write_credentials


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    secret = SecretFiles(tmp_path).ensure("grant_key")

    assert len(bytes.fromhex(secret)) == 32
    assert SecretFiles(tmp_path).ensure("grant_key") == secret
    assert SecretFiles(tmp_path).ensure("other") != secret


def test_secrets_are_readable_by_nobody_else(tmp_path: Path) -> None:
    files = SecretFiles(tmp_path)
    files.ensure("grant_key")

    assert mode(files.path("grant_key")) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["grant_key"]


def test_credentials_hold_what_people_and_scripts_need(tmp_path: Path) -> None:
    config = LocalConfig(state_dir=tmp_path / "state", port=8123)
    layout = StateLayout(config)
    layout.create()
    write_credentials(layout, config, SecretFiles(layout.secrets), passwords=True)

    credentials = json.loads(layout.credentials.read_text())

    assert mode(layout.credentials) == 0o600
    assert set(credentials) == {"url", "username", "password", "admin_username", "admin_password", "api_token"}
    assert credentials["url"] == "http://127.0.0.1:8123"
    assert len(credentials["admin_password"]) >= 32


def test_credentials_hold_no_passwords_that_open_nothing(tmp_path: Path) -> None:
    layout = StateLayout(LocalConfig(state_dir=tmp_path / "state"))
    layout.create()
    write_credentials(layout, LocalConfig(), SecretFiles(layout.secrets), passwords=False)

    assert set(json.loads(layout.credentials.read_text())) == {"url", "admin_username", "api_token"}
