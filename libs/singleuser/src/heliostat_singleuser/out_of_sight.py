"""Modules kept out of sight while others are imported that would import them for what a server never does.

Whoever imports them later gets the real ones.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any


def build_stand_in(name: str, **content: Any) -> ModuleType:
    """Build a module that has only what is looked up in it while others are imported."""
    module = ModuleType(name)
    module.__dict__.update(content)
    return module


@contextmanager
def out_of_sight(*stand_ins: ModuleType, missing: tuple[str, ...] = ()) -> Iterator[None]:
    """Show stand-ins, and let modules be missing; those that were imported before stay what they are."""
    shown: Mapping[str, Any] = {module.__name__: module for module in stand_ins} | dict.fromkeys(missing)
    hidden = {name: module for name, module in shown.items() if name not in sys.modules}
    sys.modules.update(hidden)
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
