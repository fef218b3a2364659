"""Durations and sizes as people write them in a policy: ``2h``, ``90 s``, ``2GiB``, ``2GB``.

Decimal prefixes are powers of 1000 and binary ones powers of 1024 (IEC 80000-13), so ``2GB`` is 2,000,000,000 bytes.
"""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_DURATIONS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"B": 1} | {
    f"{prefix}{suffix}": base**power
    for power, prefix in enumerate("KMGT", start=1)
    for suffix, base in (("B", 1000), ("iB", 1024))
}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")
_DURATION_PARTS = re.compile(r"\s*(?:\d+(?:\.\d+)?\s*[a-z]+\s*)+")


def parse_duration(text: str) -> timedelta:
    """Read ``2h``, ``1h 30min`` or ``90s``; raise ValueError for anything else."""
    if not _DURATION_PARTS.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration; write for example 2h, 90min or 45s")
    total = 0.0
    for number, unit in _QUANTITY.findall(text):
        if unit not in _DURATIONS:
            raise ValueError(f"{unit!r} is not a unit of time; use one of {', '.join(_DURATIONS)}")
        total += float(number) * _DURATIONS[unit]
    try:
        return timedelta(seconds=total)
    except OverflowError as error:
        raise ValueError(f"{text!r} is longer than any duration can be") from error


def format_duration(value: timedelta) -> str:
    """Write a duration so that `parse_duration` reads the same one back."""
    seconds = value.total_seconds()
    if seconds != int(seconds):
        return f"{round(seconds * 1000)}ms"
    parts = []
    left = int(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def parse_size(text: str) -> int:
    """Read ``2GiB`` or ``500MB`` as bytes; raise ValueError for anything else, a bare number included."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in _SIZES:
        raise ValueError(f"{text!r} is not a size; write a number and one of {', '.join(_SIZES)}")
    try:
        return int(float(match[1]) * _SIZES[match[2]] + 0.5)
    except OverflowError as error:
        raise ValueError(f"{text[:40]!r} is larger than any size can be") from error


def format_size(value: int) -> str:
    """Write a number of bytes in the largest unit that keeps it whole."""
    units = sorted(_SIZES.items(), key=lambda item: item[1], reverse=True)
    unit, size = next((unit, size) for unit, size in units if value % size == 0 and (value or unit == "B"))
    return f"{value // size}{unit}"


def _read_duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


def _read_size(value: Any) -> Any:
    return parse_size(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_read_duration), PlainSerializer(format_duration, return_type=str)]
"""A pydantic field that reads and writes ``2h``."""

Size = Annotated[int, BeforeValidator(_read_size), PlainSerializer(format_size, return_type=str)]
"""A pydantic field that reads and writes ``2GiB``; bytes in Python."""
