"""Lines of output: cut from a stream, freed of secrets."""

from time import perf_counter

import pytest
from heliostat_builder.domain.loglines import MAX_LENGTH, LineSplitter, Redactor, cut, remove_secrets

ENVIRONMENT = {
    "UV_INDEX_URL": "https://user:hunter22@index.example/simple",
    "UV_INDEX_CORP_PASSWORD": "opensesame",
    "SSL_CERT_FILE": "/etc/ssl/certs.pem",
}


def test_lines_are_cut_wherever_the_chunks_end():
    splitter = LineSplitter()
    assert splitter.feed(b"one\r\ntw") == ["one"]
    assert splitter.feed(b"o\n\n") == ["two", ""]
    assert splitter.feed("ü".encode()[:1]) == []
    assert splitter.feed("ü".encode()[1:]) == []
    assert splitter.end() == ["ü"]
    assert splitter.end() == []


def test_bytes_that_no_database_takes_are_replaced():
    assert LineSplitter().feed(b"a\0b\xff\n") == ["a\ufffdb\ufffd"]


def test_an_endless_line_is_cut():
    lines = LineSplitter().feed(b"x" * 100_000)
    assert len(lines) == 1
    assert cut(lines[0]).startswith("x" * MAX_LENGTH + " [")


def test_a_line_of_letters_is_read_at_once():
    begun = perf_counter()
    Redactor({}).redact("a" * 80_000)
    assert perf_counter() - begun < 1


def test_control_sequences_stay():
    assert cut("\x1b[31mred\x1b[0m") == "\x1b[31mred\x1b[0m"


@pytest.mark.parametrize("line", ["get https://bob:pw1234@x.example/y", "password opensesame!", "hunter22 is it"])
def test_secrets_are_not_shown(line):
    shown = Redactor(ENVIRONMENT).redact(line)
    assert "***" in shown
    assert not any(secret in shown for secret in ("pw1234", "opensesame", "hunter22"))


def test_repositories_see_no_secrets():
    assert remove_secrets(ENVIRONMENT) == {"SSL_CERT_FILE": "/etc/ssl/certs.pem"}
