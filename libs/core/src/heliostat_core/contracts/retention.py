"""What the builder keeps and removes of what it made."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from .model import WireModel


class ShelfKind(StrEnum):
    """An environment, or one commit's files (an archive, or an image with an environment below)."""

    ENVIRONMENT = "environment"
    CONTENT = "content"


class RemovalReason(StrEnum):
    """Why something is removed that nothing needs."""

    AGE = "age"
    SPACE = "space"


class ShelfItemView(WireModel):
    """One thing on the shelf."""

    kind: ShelfKind
    id: str
    size: int = Field(description="bytes that go with it")
    last_used_at: datetime = Field(description="when it was made, planned with, or last belonged to a server")
    pinned: bool
    needed_by: list[str] = Field(description="servers (running, stopped), builds and launches; the first ten")
    needs: int = Field(description="how many there are of these")


class RetentionRunRequest(WireModel):
    """A collection; with ``dry_run`` nothing is removed."""

    dry_run: bool = False


class RemovalView(WireModel):
    """Something that is removed, and why."""

    kind: ShelfKind
    id: str
    size: int
    last_used_at: datetime
    reason: RemovalReason


class RetentionRunView(WireModel):
    """What a collection removed, or would remove."""

    dry_run: bool
    removed: list[RemovalView]
    freed: int = Field(description="bytes")
    left: int = Field(description="bytes that all that is left takes")
    complete: bool = Field(description="false: time was up, or something was needed after all; the next run goes on")
