import pytest
from heliostat_cli.terminal import RESET, neutralise


def test_plain_text_and_tabs_stay() -> None:
    assert neutralise("naïve\ttext ✓") == "naïve\ttext ✓"


def test_colours_stay_and_are_closed() -> None:
    assert neutralise("\x1b[1;31mred") == f"\x1b[1;31mred{RESET}"
    assert neutralise("\x1b[32mgreen\x1b[0m") == "\x1b[32mgreen\x1b[0m"
    assert neutralise("\x1b[32mgreen\x1b[m") == "\x1b[32mgreen\x1b[m"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("\x1b]0;title\x07", "␛]0;title␇"),  # rename the window
        ("\x1b]52;c;ZWNobyBoaQ==\x07", "␛]52;c;ZWNobyBoaQ==␇"),  # write to the clipboard
        ("\x1b[2J\x1b[H", "␛[2J␛[H"),  # clear the screen
        ("\x1b[6n", "␛[6n"),  # have the terminal type an answer
        ("\x1b[?1m", "␛[?1m"),  # looks like a colour and is none
        ("a\rb\x08c\x00", "a␍b␈c␀"),
        ("\x9b2J\x7f", "\\x9b2J␡"),
        ("a\u202eb", "a\\u202eb"),
    ],
)
def test_whatever_else_a_terminal_obeys_is_shown(sent: str, shown: str) -> None:
    assert neutralise(sent) == shown
