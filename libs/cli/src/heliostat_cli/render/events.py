"""The timeline as text."""

from heliostat_core.contracts.timeline import TimelineEvent

from .text import show_time


def build_event_line(event: TimelineEvent) -> str:
    """Tell one event on a line."""
    launch = f"  [launch {event.correlation_id}]" if event.correlation_id else ""
    return f"{show_time(event.time)}  {event.kind:<30}  {event.summary} (by {event.actor}){launch}"
