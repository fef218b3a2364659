"""What builders keep, as text."""

from collections.abc import Sequence

from heliostat_core.contracts.retention import RetentionRunView, ShelfItemView

from .text import build_table, show_bytes, show_time


def build_shelf_table(items: Sequence[ShelfItemView]) -> list[str]:
    """List what is kept, one a line."""
    if not items:
        return ["There is nothing."]
    rows = [
        [item.kind.value, item.id, show_bytes(item.size), show_time(item.last_used_at), _show_hold(item)]
        for item in items
    ]
    return build_table(["KIND", "ID", "SIZE", "LAST USED", "KEPT FOR"], rows)


def build_run_lines(run: RetentionRunView) -> list[str]:
    """Say what a collection removed, or would remove."""
    rows = [
        [item.kind.value, item.id, show_bytes(item.size), show_time(item.last_used_at), item.reason.value]
        for item in run.removed
    ]
    lines = build_table(["KIND", "ID", "SIZE", "LAST USED", "REASON"], rows) if rows else []
    verb = "would go" if run.dry_run else "removed"
    lines.append(f"{len(rows)} {verb} ({show_bytes(run.freed)}); {show_bytes(run.left)} stay.")
    return lines if run.complete else [*lines, "There is more to remove: collect again."]


def _show_hold(item: ShelfItemView) -> str:
    more = f" and {item.needs - 1} more" if item.needs > 1 else ""
    needed = [f"{item.needed_by[0]}{more}"] if item.needed_by else []
    return ", ".join([*(["its pin"] if item.pinned else []), *needed])
