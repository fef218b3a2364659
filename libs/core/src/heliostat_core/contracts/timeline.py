"""The sessions service's HTTP surface for the timeline: events of all services in one list."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from .model import WireModel


class TimelineLinks(WireModel):
    """Where to go from an event; null where it belongs to no such thing."""

    self: str
    launch: str | None = None
    build: str | None = None
    session: str | None = None
    decision: str | None = None


class TimelineEvent(WireModel):
    """One event of the log, in plain words and as it was recorded."""

    position: int = Field(description="its place in the log; grows, with gaps")
    time: datetime
    kind: str
    stream: str
    version: int = Field(description="its place in the stream, from 1 without gaps")
    actor: str
    correlation_id: UUID | None = Field(description="the launch all this belongs to, across the services")
    summary: str
    data: dict[str, Any]
    links: TimelineLinks


class TimelineView(WireModel):
    """A page of the timeline, newest first; ``older`` is the URL of the next one, null at the end."""

    events: list[TimelineEvent]
    older: str | None
