"""Handlers of the hub's own API in whose place others stand, where the hub (6.1) has no hook."""

from collections.abc import Mapping
from typing import Any

from jupyterhub import apihandlers

__all__ = ["replace_handlers"]


def replace_handlers(replaced: Mapping[type[Any], type[Any]]) -> None:
    """Let requests come to other handlers in this process; call it while the hub reads its configuration."""
    routes = apihandlers.default_handlers
    routes[:] = [(path, replaced.get(handler, handler)) for path, handler in routes]
