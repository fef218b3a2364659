"""Settings come from the environment, else from the files of the secrets directory."""

import json
from pathlib import Path

import pytest
from heliostat_core.config import SECRETS_DIRECTORY, CallerConfig, Settings
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict


class LampConfig(Settings):
    model_config = SettingsConfigDict(env_prefix="LAMP_", frozen=True, extra="forbid")

    token: SecretStr = Field(min_length=4)
    callers: tuple[CallerConfig, ...] = ()


def test_a_setting_is_read_from_the_file_named_like_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    caller = {"name": "hub", "token_sha256": "0" * 64, "scopes": ["decide"]}
    (tmp_path / "lamp_token").write_text("bright\n")
    (tmp_path / "lamp_callers").write_text(json.dumps([caller]))
    (tmp_path / "something_else").write_text("not a setting")
    monkeypatch.setenv(SECRETS_DIRECTORY, str(tmp_path))

    config = LampConfig()

    assert config.token.get_secret_value() == "bright"
    assert [found.name for found in config.callers] == ["hub"]


def test_the_environment_wins_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "lamp_token").write_text("from the file")
    monkeypatch.setenv(SECRETS_DIRECTORY, str(tmp_path))
    monkeypatch.setenv("LAMP_TOKEN", "from the environment")

    assert LampConfig().token.get_secret_value() == "from the environment"


def test_without_a_directory_the_environment_is_all_there_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(SECRETS_DIRECTORY, raising=False)

    with pytest.raises(ValidationError, match="token"):
        LampConfig()


def test_an_unusable_secret_is_not_in_the_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LAMP_TOKEN", "dim")

    with pytest.raises(ValidationError, match="token") as caught:
        LampConfig()

    assert "dim" not in str(caught.value)
