"""Saying why a build failed, from what its last step printed."""

import re
from collections.abc import Sequence

from heliostat_core.units import format_size

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
    "compile": ("install_failed", "The build ended while modules were compiled", "Look at the log above this line."),
    "venv": ("install_failed", "The environment could not be begun", "Try again; if it stays, tell the operator."),
}


_IMAGE_SIGNS = (
    (("pull access denied", "no such host", "manifest unknown", "repository does not exist"), "base_image_missing"),
    (("non-zero code: 137", "cannot allocate memory"), "out_of_memory"),
    (("unsatisfiable", "resolvepackagenotfound", "no matching distribution", "could not solve"), "solve_failed"),
    (("connection aborted", "connection refused", "error while fetching server api version"), "engine_unavailable"),
    (("no space left on device",), "out_of_disk"),
)
_IMAGE_MESSAGES = {
    "base_image_missing": ("The image it builds on could not be had", "Check its name, and that it is public."),
    "out_of_memory": (
        "A step was killed, most likely because it needed more than {memory} of memory",
        "Build less in one step, or ask the operator for a larger BUILD_MEMORY.",
    ),
    "solve_failed": ("The requirements cannot be met together", "Change the requirements it names."),
    "engine_unavailable": ("The container engine went away", "Try again; if it stays, tell the operator."),
    "out_of_disk": ("The disk of images is full", "Ask the operator for space."),
    "build_failed": ("A step of the build failed", "Look at the log above this line."),
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


def explain_build_failure(lines: Sequence[str], *, status: int, memory: int) -> BuildFailedError:
    """Build the error of a build by repo2docker, from the last lines it printed; ``memory`` is in bytes."""
    text = "\n".join(lines[-20:]).lower()
    code = next((code for signs, code in _IMAGE_SIGNS if any(sign in text for sign in signs)), "build_failed")
    message, remedy = _IMAGE_MESSAGES[code]
    words = [line.strip() for line in lines if line.strip()]
    reason = words[-1][:_REASON_LENGTH] if words else f"it ended with status {status}"
    return BuildFailedError(code=code, message=f"{message.format(memory=format_size(memory))}: {reason}", remedy=remedy)


def _strip(line: str) -> str:
    return _ORNAMENT.sub("", _COLOURS.sub("", line)).strip()
