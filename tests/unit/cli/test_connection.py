import json
from collections.abc import Callable
from pathlib import Path

import pytest
from heliostat_cli.connection import Connection, read_connection
from heliostat_cli.errors import BadArgumentError, NoServerKnownError, NotSignedInError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_credentials(url: str = "http://127.0.0.1:8000/") -> Path:
        path = tmp_path / "credentials.json"
        path.write_text(json.dumps({"url": url, "username": "user", "api_token": "file-token"}))
        return path

    return write_credentials


def test_the_file_gives_address_and_token(write: Write) -> None:
    found = read_connection(url=None, token=None, credentials=write(), chosen=False)
    assert found == Connection(url="http://127.0.0.1:8000", token="file-token")


def test_options_come_before_the_file(write: Write) -> None:
    found = read_connection(url="https://hub.example.org", token="mine", credentials=write(), chosen=False)
    assert found == Connection(url="https://hub.example.org", token="mine")


def test_the_files_token_goes_nowhere_else(write: Write) -> None:
    with pytest.raises(NotSignedInError):
        read_connection(url="https://other.example.org", token=None, credentials=write(), chosen=True)
    assert read_connection(url="http://127.0.0.1:8000", token=None, credentials=write(), chosen=False).token


def test_a_file_that_was_merely_found_collects_no_token(write: Write) -> None:
    path = write(url="https://elsewhere.example.org")
    with pytest.raises(NoServerKnownError):
        read_connection(url=None, token="mine", credentials=path, chosen=False)
    assert read_connection(url=None, token="mine", credentials=path, chosen=True).token == "mine"


def test_nothing_known_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(NoServerKnownError):
        read_connection(url=None, token=None, credentials=tmp_path / "none.json", chosen=False)
    with pytest.raises(BadArgumentError, match="no file"):
        read_connection(url=None, token=None, credentials=tmp_path / "none.json", chosen=True)


def test_a_file_that_is_none_of_ours_is_named_without_its_content(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text('{"url": "http://127.0.0.1", "token": "secret-value"}')
    with pytest.raises(BadArgumentError) as caught:
        read_connection(url=None, token=None, credentials=path, chosen=False)
    assert str(path) in str(caught.value)
    assert "secret-value" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["hub.example.org", "ftp://hub.example.org", "https://me:pw@hub.example.org", "http://"]
)
def test_an_address_is_http_and_holds_no_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadArgumentError) as caught:
        read_connection(url=url, token="mine", credentials=tmp_path / "none.json", chosen=False)
    assert "pw" not in str(caught.value)


def test_a_token_with_a_line_end_inside_is_not_sent_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(BadArgumentError) as caught:
        read_connection(url="http://127.0.0.1", token="ab\ncd", credentials=tmp_path / "none.json", chosen=False)
    assert "ab" not in str(caught.value).split()


def test_the_token_is_not_in_the_representation() -> None:
    assert "secret" not in repr(Connection(url="http://127.0.0.1", token="secret"))


@pytest.mark.parametrize(
    ("url", "loopback"),
    [("http://127.0.0.1:1", True), ("http://[::1]", True), ("http://localhost", True), ("http://10.0.0.1", False)],
)
def test_loopback_is_told_from_the_rest(url: str, loopback: bool) -> None:  # noqa: FBT001
    assert Connection(url=url, token="t").loopback is loopback
