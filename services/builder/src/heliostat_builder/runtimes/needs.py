"""What runtimes are made from."""

from dataclasses import dataclass

from ..config import BuilderConfig
from ..metrics import BuilderMetrics
from ..storage.mirrors import MirrorStorage


@dataclass(frozen=True, slots=True)
class Needs:
    """What every runtime may use."""

    config: BuilderConfig
    mirrors: MirrorStorage
    metrics: BuilderMetrics
