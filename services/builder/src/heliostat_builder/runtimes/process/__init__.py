"""The process runtime: sandboxes, and environments that are directories."""

from .opening import open_process_runtime

__all__ = ["open_process_runtime"]
