"""Text of build logs for files: a terminal that shows such a file must not obey what a repository wrote."""

import re

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # control sequences, colours among them
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # strings with their end, such as titles and links
    r"|\x1b[ -/]*[0-Z\\-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def build_plain_line(text: str) -> str:
    """Remove escape sequences, control characters and changes of the writing direction, and what is overwritten."""
    shown = [part for part in _SEQUENCES.sub("", text).split("\r") if part]
    return _CONTROLS.sub("", shown[-1]) if shown else ""
