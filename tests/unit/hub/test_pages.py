"""Where a server came from, as the home page tells it."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from heliostat_core.grants import Grant, sign_grant
from heliostat_hub.pages import find_origin, has_collaboration
from pydantic import SecretStr

KEY = SecretStr("k" * 40)
GRANT = Grant(
    user="lyra",
    server_name="s",
    session_id=UUID(int=1),
    launch_id=None,
    environment_id="e",
    content_id=None,
    repo="https://example.org/<b>x</b>",
    commit="abcdef0123456789",
    path=None,
    issued_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def test_a_grant_of_any_age_tells_the_origin() -> None:
    options = {"grant": sign_grant(GRANT, key=KEY)}
    assert find_origin(options, grant_key=KEY) == GRANT


@pytest.mark.parametrize("options", [None, {}, [], {"grant": 1}, {"grant": "x.y"}, {"repo": "x"}])
def test_a_plain_or_forged_server_has_no_origin(options: object) -> None:
    assert find_origin(options, grant_key=KEY) is None


def test_real_time_collaboration_is_there_when_its_server_part_is(tmp_path: Path) -> None:
    assert not has_collaboration(tmp_path)
    package = tmp_path / "lib/python3.11/site-packages/jupyter_server_ydoc"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    assert has_collaboration(tmp_path)
