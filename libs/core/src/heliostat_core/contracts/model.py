"""What all wire models have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class WireModel(BaseModel):
    """A frozen model that refuses unknown fields, so that a misspelt one is an answer and not a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ErrorView(WireModel):
    """The one shape of every error of every service."""

    code: str
    message: str
    field: str | None = None
    remedy: str | None = None
    details: dict[str, Any] = {}
    request_id: str | None = None


class Enforcement(WireModel):
    """Whether this host really enforces a limit, and why not where it does not."""

    resource: str
    limit: str | None = None
    enforced: bool
    method: str | None = None
    reason: str | None = None
