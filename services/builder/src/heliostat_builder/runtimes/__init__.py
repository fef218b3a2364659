"""The runtimes: how environments are made, one room each."""

from .needs import Needs
from .opening import open_runtime

__all__ = ["Needs", "open_runtime"]
