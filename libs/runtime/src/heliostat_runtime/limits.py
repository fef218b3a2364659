"""Limits, how far a host enforces them, and what is used."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Enforcement", "Limits", "Resource", "Usage"]

Resource = Literal["isolation", "cpu", "memory", "pids", "storage", "network"]


class Frozen(BaseModel):
    """Base of the values of this package: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Enforcement(Frozen):
    """Whether, and how, a host enforces one resource; `reason` is a sentence for users when it does not."""

    resource: Resource
    enforced: bool
    method: str
    reason: str | None = None


class Limits(Frozen):
    """Limits of one server or build; None means no limit.

    Attributes
    ----------
    cpu
        Cores, for example 0.5.
    memory
        Bytes.
    pids
        Processes and threads together.
    """

    cpu: float | None = Field(default=None, gt=0)
    memory: int | None = Field(default=None, gt=0)
    pids: int | None = Field(default=None, gt=0)


class Usage(Frozen):
    """What a control group has used: CPU seconds, bytes now, processes killed for exceeding memory; None: unknown."""

    cpu: float | None
    memory: int | None
    oom_kills: int | None
