"""The pieces that all renderings share."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_STEP = 1024
_TENTH = 10


def build_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Align columns by their widest cell."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def build_fields(fields: Iterable[tuple[str, str | None]]) -> list[str]:
    """Align names and values; a field without a value is left out."""
    shown = [(name, value) for name, value in fields if value]
    width = max((len(name) for name, _ in shown), default=0)
    return [f"{name:<{width}}  {value}" for name, value in shown]


def show_time(value: datetime | None) -> str:
    """Write a moment in UTC to the second."""
    return "" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def show_bytes(value: int | None) -> str:
    """Write an amount in the largest binary unit that it reaches: ``1.5 GiB``."""
    if value is None:
        return "not known"
    amount, units = float(value), ["B", "KiB", "MiB", "GiB", "TiB"]
    while amount >= _STEP and len(units) > 1:
        amount /= _STEP
        units.pop(0)
    return f"{amount:.1f} {units[0]}" if amount < _TENTH and amount % 1 else f"{amount:.0f} {units[0]}"


def show_server(name: str) -> str:
    """Name a server; the default one has no name of its own."""
    return name or "(default)"
