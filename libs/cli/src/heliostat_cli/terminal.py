"""Text from elsewhere on its way to a terminal: colours may pass, nothing else that a terminal obeys."""

import re

RESET = "\x1b[0m"

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_PICTURES = {code: chr(0x2400 + code) for code in range(0x20) if code != ord("\t")} | {0x7F: "\u2421"}
_C1 = {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}
_UNSEEN = {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)}
_SHOWN = _PICTURES | _C1 | _UNSEEN
"""Control characters as their pictures; C1 controls and marks that turn text around as escapes."""


def neutralise(text: str) -> str:
    """Return one line that can be printed: colours (SGR) kept and closed, every other control made visible.

    Escape sequences can move the cursor, rename the window, answer to the shell or hide text; so can C1 controls, and
    marks of writing direction show text in another order than it has.
    """
    parts = _COLOUR.split(text)
    shown = "".join(part if index % 2 else part.translate(_SHOWN) for index, part in enumerate(parts))
    return shown + RESET if len(parts) > 1 and parts[-2] not in {RESET, "\x1b[m"} else shown
