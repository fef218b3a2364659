"""Saying why a build failed, from what its last step printed."""

import re
from collections.abc import Sequence

from ..errors import BuildFailedError

_ORNAMENT = re.compile(r"^[^\w'\"`(\[<./-]+")
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NOISE = ("Resolved ", "Prepared ", "Using ", "warning:", "hint:", "Installed ", "Built ")
_REASON_LENGTH = 600
_FULL_DISK = "No space left on device"
NO_WHEEL_SIGNS = (
    "building source distributions is disabled",
    "no usable wheels",
    "no wheels",
    "no compatible wheels",
    "source distribution",
)
"""What uv says when something has to be built; matched without regard to case."""

_MESSAGES = {
    "solve": ("solve_failed", "The requirements cannot be met together", "Change the requirements it names."),
    "install": ("install_failed", "A package could not be installed", "Look at the log above this line."),
    "postbuild": ("postbuild_failed", "The repository's postBuild script failed", "Look at what it printed."),
    "venv": ("install_failed", "The environment could not be begun", "Try again; if it stays, tell the operator."),
}


def needs_source_build(lines: Sequence[str]) -> bool:
    """Whether a step failed because something has no wheel."""
    text = " ".join(" ".join(map(_strip, lines)).split()).lower()
    return any(sign in text for sign in NO_WHEEL_SIGNS)


def explain_failure(phase: str, lines: Sequence[str], *, status: int) -> BuildFailedError:
    """Build the error of a step that ended with a status, with the words the tool gave as the reason."""
    code, message, remedy = _MESSAGES[phase]
    if any(_FULL_DISK in line for line in lines):
        return explain_full_disk()
    words = [stripped for line in lines if (stripped := _strip(line)) and not stripped.startswith(_NOISE)]
    reason = " ".join(words)[-_REASON_LENGTH:] if phase == "solve" else (words[-1][:_REASON_LENGTH] if words else "")
    return BuildFailedError(
        code=code, message=f"{message}: {reason or f'it ended with status {status}'}", remedy=remedy
    )


def explain_full_disk() -> BuildFailedError:
    """Build the error of a build that found no space to write to."""
    return BuildFailedError(
        code="out_of_disk", message="The disk of environments is full", remedy="Ask the operator for space."
    )


def _strip(line: str) -> str:
    return _ORNAMENT.sub("", _COLOURS.sub("", line)).strip()
