"""Text of logs in files: what a terminal would obey is not in it."""

import pytest
from heliostat_sessions.domain.terminal import build_plain_line


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[1;31mbold red\x1b[0m\tplain", "bold red\tplain"),
        ("\x1b]0;title\x07a\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("\x1bPq#0\x1b\\a\x1b(B\x1bcb\x1b", "ab"),
        ("\x1b]0;without an end", "0;without an end"),
        ("10 %\r50 %\r100 %\r", "100 %"),
        ("a\x00\x07\x08\x9b31m\u202eb", "a31mb"),
        ("<b>", "<b>"),
        ("", ""),
    ],
)
def test_a_line_is_what_a_terminal_would_show(text: str, plain: str) -> None:
    assert build_plain_line(text) == plain
